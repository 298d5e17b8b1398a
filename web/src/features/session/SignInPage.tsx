import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { asApiError } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { signIn } from "@/api/writes";
import { text } from "@/lib/search";
import { ErrorNote } from "@/ui/parts";
import { Frame } from "./Frame";
import { safeNext } from "./next";
import classes from "./session.module.css";

export function SignInPage() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const client = useQueryClient();
  const navigate = useNavigate();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const next = safeNext(text(search.next));
  const { data: session } = useQuery(sessionQuery);
  const signedIn = session !== undefined && session.person !== null;
  useEffect(() => {
    if (signedIn) void navigate({ href: next, replace: true });
  }, [signedIn, navigate, next]);
  const enter = useMutation({
    mutationFn: signIn,
    meta: { shownInForm: true },
    onSuccess: () => client.invalidateQueries({ queryKey: sessionQuery.queryKey }),
  });
  return (
    <Frame
      title="Sign in to Pilothouse"
      lead={session?.first_run === true ? "This installation has no people yet." : "Welcome back."}
      foot={session?.first_run === true ? "Open the one-time link that “pilothouse up” printed to create the first account." : undefined}
    >
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          enter.mutate({ email, password });
        }}
      >
        {enter.isError && <ErrorNote failure={asApiError(enter.error)} />}
        <TextInput label="Email" type="email" autoComplete="username" required withAsterisk={false} autoFocus value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
        <PasswordInput label="Password" autoComplete="current-password" required withAsterisk={false} value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
        <Button type="submit" size="sm" loading={enter.isPending}>
          Sign in
        </Button>
      </form>
    </Frame>
  );
}
