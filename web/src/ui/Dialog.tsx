import { Modal } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./dialog.module.css";

interface Props {
  opened: boolean;
  title: string;
  onClose: () => void;
  size: number;
  /** Closed by its own buttons only. */
  firm?: boolean;
  children: ReactNode;
}

export function Dialog({ opened, title, onClose, size, firm = false, children }: Props) {
  return (
    <Modal.Root opened={opened} onClose={onClose} size={size} closeOnClickOutside={!firm} closeOnEscape={!firm}>
      <Modal.Overlay />
      <Modal.Content>
        <div className={classes.head}>
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </div>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
