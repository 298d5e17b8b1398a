import { Link } from "@tanstack/react-router";
import { useContext } from "react";
import { Linked } from "./linked";

const along = (more: Record<string, unknown>) => ((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to, ...more })) as never;

/** The user of a trace, as the way to what else that user did. */
export function UserLink({ user }: { user: string }) {
  if (!useContext(Linked)) return user;
  return (
    <Link to={"/users" as never} search={along({ user })} title={user} preload={false}>
      {user}
    </Link>
  );
}

/** The session of a trace, as the way to the rest of the conversation. */
export function SessionLink({ session }: { session: string }) {
  if (!useContext(Linked)) return session;
  return (
    <Link to={"/sessions/$sessionId" as never} params={{ sessionId: session } as never} search={along({})} title={session} preload={false}>
      {session}
    </Link>
  );
}
