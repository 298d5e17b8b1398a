import type { ColumnSizingState, VisibilityState } from "@tanstack/react-table";
import { useCallback, useEffect, useMemo, useState } from "react";
import { isStringMap, recall, remember } from "@/lib/storage";
import { COLUMNS, HIDDEN_AT_FIRST } from "./columns";

function isVisibility(value: unknown): value is VisibilityState {
  return typeof value === "object" && value !== null && Object.values(value).every((each) => typeof each === "boolean");
}

/** Which columns this browser shows, and how wide. */
export function useLayout() {
  const [visibility, setVisibility] = useState<VisibilityState>(() => recall("traces.columns", isVisibility) ?? { ...HIDDEN_AT_FIRST });
  const [sizing, setSizing] = useState<ColumnSizingState>(() => recall("traces.widths", isStringMap) ?? {});
  useEffect(() => remember("traces.columns", visibility), [visibility]);
  useEffect(() => remember("traces.widths", sizing), [sizing]);
  const reset = () => {
    setVisibility({ ...HIDDEN_AT_FIRST });
    setSizing({});
  };
  const shown = useMemo(() => COLUMNS.filter((column) => visibility[column.id] !== false).map((column) => column.id), [visibility]);
  const show = useCallback((ids: readonly string[]) => setVisibility(Object.fromEntries(COLUMNS.map((column) => [column.id, column.id === "name" || ids.includes(column.id)]))), []);
  return { visibility, setVisibility, sizing, setSizing, reset, shown, show };
}
