/** A list by name on the left, and what is chosen of it on the right. */
import { Button, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useWalk } from "@/ui/grid";
import { Skeleton } from "@/ui/parts";
import classes from "./library.module.css";

export interface Book {
  id: string;
  name: string;
  note: ReactNode;
}

interface Props {
  label: string;
  books: readonly Book[];
  chosen: string | undefined;
  /** The search that opens one, as links take it. */
  to: (id: string) => never;
  open: (id: string) => void;
  part: string;
  onPart: (part: string) => void;
  pending: boolean;
  more?: (() => void) | undefined;
  children: ReactNode;
}

export function Shelf({ label, books, chosen, to, open, part, onPart, pending, more, children }: Props) {
  const openedAt = books.findIndex((book) => book.id === chosen);
  useWalk({ count: books.length, open: (index) => open(books[index]?.id ?? ""), openedAt, follows: true });
  return (
    <div className={classes.page}>
      <h1 className="hidden-visually">{label}</h1>
      <nav className={classes.shelf} aria-label={label}>
        <div className={classes.find}>
          <TextInput size="xs" aria-label={`Find ${label.toLowerCase()}`} placeholder="Find by name" leftSection={<IconSearch size={14} />} value={part} onChange={(event) => onPart(event.currentTarget.value)} />
        </div>
        <ul className={classes.books}>
          {pending && <Skeleton height={120} />}
          {books.map((book) => (
            <li key={book.id}>
              <Link to="." search={to(book.id)} replace preload={false} className={classes.book} aria-current={book.id === chosen ? "true" : undefined}>
                <span className={classes.bookName}>{book.name}</span>
                <span className={classes.bookNote}>{book.note}</span>
              </Link>
            </li>
          ))}
          {!pending && books.length === 0 && <li className={classes.nothing}>Nothing has such a name.</li>}
        </ul>
        {more !== undefined && (
          <Button variant="subtle" size="xs" onClick={more}>
            Show more
          </Button>
        )}
      </nav>
      <div className={classes.detail}>{children}</div>
    </div>
  );
}
