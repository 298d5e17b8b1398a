import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { asApiError } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { firstRun } from "@/api/writes";
import { ErrorNote } from "@/ui/parts";
import { Frame } from "./Frame";
import classes from "./session.module.css";

const SHORTEST = 12;

/** The token is taken out of the address at once, so that it stays in no history and no screenshot. */
function takeToken(): string {
  return new URLSearchParams(window.location.hash.slice(1)).get("token") ?? "";
}

export function FirstRunPage() {
  const [token] = useState(takeToken);
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [touched, setTouched] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  useEffect(() => {
    if (window.location.hash !== "") window.history.replaceState(window.history.state, "", window.location.pathname);
  }, []);
  const create = useMutation({
    mutationFn: firstRun,
    meta: { shownInForm: true },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: sessionQuery.queryKey });
      await client.fetchQuery(sessionQuery);
      await navigate({ to: "/", replace: true });
    },
  });
  const failure = create.isError ? asApiError(create.error) : null;
  const short = password.length < SHORTEST;
  if (token === "") {
    return (
      <Frame title="The link is not complete" lead="Open the whole one-time link that “pilothouse up” printed, with the part after #.">
        <Button variant="default" fullWidth onClick={() => void navigate({ to: "/sign-in" })}>
          I already have an account
        </Button>
      </Frame>
    );
  }
  return (
    <Frame title="Set up Pilothouse" lead="Create the first account. It owns this installation." foot="The account and everything you record stay on this machine.">
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          setTouched(true);
          if (!short) create.mutate({ token, name, email, password });
        }}
      >
        {failure !== null && failure.fields.length === 0 && <ErrorNote failure={failure} />}
        <TextInput label="Name" autoComplete="name" required withAsterisk={false} autoFocus value={name} error={failure?.field("name")} onChange={(event) => setName(event.currentTarget.value)} />
        <TextInput label="Email" type="email" autoComplete="username" required withAsterisk={false} value={email} error={failure?.field("email")} onChange={(event) => setEmail(event.currentTarget.value)} />
        <PasswordInput
          label="Password"
          description={`At least ${SHORTEST} characters`}
          autoComplete="new-password"
          required
          withAsterisk={false}
          value={password}
          error={failure?.field("password") ?? (touched && short ? `${SHORTEST - password.length} more characters` : undefined)}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" size="sm" loading={create.isPending}>
          Create account
        </Button>
      </form>
    </Frame>
  );
}
