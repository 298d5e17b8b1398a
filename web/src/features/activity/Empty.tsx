import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { systemQuery } from "@/api/queries";
import { Teaching } from "@/ui/teaching";
import { examples } from "./examples";

/** Says how to name sessions and users. */
export function Nobody({ icon, title, children }: { icon: ReactNode; title: string; children: ReactNode }) {
  const { data: system } = useQuery(systemQuery);
  return (
    <Teaching icon={icon} title={title} variants={examples(system?.gateway_url ?? "http://127.0.0.1:4000", window.location.origin)}>
      {children}
    </Teaching>
  );
}
