import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

/** A dialog for one thing, or for a new one; `?new=1` in the URL opens it too. */
export function useDialog<T>() {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const navigate = useNavigate();
  const [item, setItem] = useState<T | null>(null);
  const setNew = (value: "1" | undefined) => void navigate({ to: ".", replace: true, search: ((before: Record<string, unknown>) => ({ ...before, new: value })) as never });
  return {
    /** Null while a new one is made. */
    item,
    opened: item !== null || search.new === "1",
    openNew: () => setNew("1"),
    edit: setItem,
    close: () => {
      setItem(null);
      if (search.new !== undefined) setNew(undefined);
    },
  };
}
