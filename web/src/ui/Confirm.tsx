import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Dialog } from "./Dialog";
import { Actions } from "./parts";

/** Names what goes and asks for it once. */
export function Confirm({ opened, title, children, action, busy, onCancel, onConfirm }: { opened: boolean; title: string; children: ReactNode; action: string; busy: boolean; onCancel: () => void; onConfirm: () => void }) {
  return (
    <Dialog opened={opened} onClose={onCancel} title={title} size={440}>
      <div style={{ color: "var(--text-2)" }}>{children}</div>
      <Actions>
        <Button variant="default" onClick={onCancel} data-autofocus>
          Cancel
        </Button>
        <Button color="danger" loading={busy} onClick={onConfirm}>
          {action}
        </Button>
      </Actions>
    </Dialog>
  );
}
