import { Button } from "@mantine/core";
import { IconKey, IconPlugConnected } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { keysQuery, modelsQuery, providersQuery, systemQuery } from "@/api/queries";
import { snippets } from "@/lib/snippets";
import { Panel, Snippet } from "@/ui/parts";
import classes from "./overview.module.css";

function Step({ done, number, title, children }: { done: boolean; number: number; title: string; children: React.ReactNode }) {
  return (
    <li className={classes.step} data-done={done || undefined}>
      <span className={classes.stepMark} aria-hidden>
        {done ? "✓" : number}
      </span>
      <div className={classes.stepBody}>
        <h2>
          {title}
          {done && <span className="hidden-visually"> (done)</span>}
        </h2>
        {children}
      </div>
    </li>
  );
}

/** Teaches the first call with the reader's own address. */
export function GettingStarted({ project, quiet }: { project: string; quiet: boolean }) {
  const { data: system } = useQuery(systemQuery);
  const { data: models } = useQuery(modelsQuery);
  const { data: keys } = useQuery(keysQuery(project));
  const { data: providers } = useQuery(providersQuery);
  const model = models?.[0]?.name ?? "account/model";
  const hasKey = keys?.some((key) => key.status === "active" && key.permissions.includes("inference")) ?? false;
  const hasProvider = providers?.some((each) => each.enabled) ?? false;
  return (
    <Panel className={classes.start} label="Getting started">
      <div className={classes.startHead}>
        <h1>{quiet ? "No calls in this time range" : "Send your first call"}</h1>
        <p>{quiet ? "Choose a longer range, or send a call and watch it arrive." : "Point any OpenAI client at the gateway. Every call is recorded here a moment later."}</p>
      </div>
      <ol className={classes.stepList}>
        <Step done={hasProvider} number={1} title="Connect a provider">
          {hasProvider ? (
            <p>
              {providers?.filter((each) => each.enabled).map((each) => each.name).join(", ")} {providers?.length === 1 ? "is" : "are"} ready.
            </p>
          ) : (
            <>
              <p>An OpenAI key, a vLLM or Ollama server, or any OpenAI-compatible address.</p>
              <Button component={Link} to={"/settings/providers" as never} search={{ new: "1" } as never} variant="default" leftSection={<IconPlugConnected size={14} />}>
                Add a provider account
              </Button>
            </>
          )}
        </Step>
        <Step done={hasKey} number={2} title="Create a virtual key">
          {hasKey ? (
            <p>You have one. Its secret was shown when it was made; make another if it is lost.</p>
          ) : (
            <>
              <p>Applications send it in place of the provider&apos;s own key.</p>
              <Button component={Link} to={"/settings/keys" as never} search={{ new: "1" } as never} variant="default" leftSection={<IconKey size={14} />}>
                Create a key
              </Button>
            </>
          )}
        </Step>
        <Step done={false} number={3} title="Call the gateway">
          <Snippet variants={snippets({ gateway: system?.gateway_url ?? "http://127.0.0.1:4000", key: "$PILOTHOUSE_KEY", model })} />
        </Step>
      </ol>
    </Panel>
  );
}
