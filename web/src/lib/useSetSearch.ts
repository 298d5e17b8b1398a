import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";

/** Changes a part of the page's search parameters, as a step that leads back or in place of the one before. */
export function useSetSearch(): (part: Record<string, unknown>, replace?: boolean) => void {
  const navigate = useNavigate();
  return useCallback((part, replace = false) => void navigate({ to: ".", replace, search: ((before: Record<string, unknown>) => ({ ...before, ...part })) as never }), [navigate]);
}
