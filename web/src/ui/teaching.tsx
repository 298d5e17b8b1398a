/** What stands in the place of a list that is empty: how to fill it, or that its filters hide all. */
import { Button } from "@mantine/core";
import { IconFilterOff } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { EmptyState, Snippet } from "./parts";
import classes from "./teaching.module.css";

interface TeachingProps {
  icon: ReactNode;
  title: string;
  /** What to paste, by the name of its tab. */
  variants: readonly { name: string; code: string }[];
  children: ReactNode;
}

export function Teaching({ icon, title, variants, children }: TeachingProps) {
  return (
    <div className={classes.empty}>
      <EmptyState icon={icon} title={title}>
        {children}
      </EmptyState>
      <div className={classes.snippet}>
        <Snippet variants={variants} />
        <p className={classes.foot}>
          No key yet?{" "}
          <Link to={"/settings/keys" as never} search={{ new: "1" } as never}>
            Create a virtual key
          </Link>
        </p>
      </div>
    </div>
  );
}

export function NoMatch({ title, children, onClear }: { title: string; children: ReactNode; onClear: () => void }) {
  return (
    <EmptyState
      icon={<IconFilterOff size={20} />}
      title={title}
      actions={
        <Button variant="default" onClick={onClear}>
          Clear filters
        </Button>
      }
    >
      {children}
    </EmptyState>
  );
}
