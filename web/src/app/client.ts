import { MutationCache, QueryClient } from "@tanstack/react-query";
import { asApiError, whenSignedOut } from "@/api/client";
import { sentence } from "@/lib/format";
import { toast } from "@/ui/toast";

/** What waiting may cure is tried again; not what the caller got wrong, nor a store that the server has waited for in vain. */
function worthAnotherTry(failures: number, error: unknown): boolean {
  const { status, code } = asApiError(error);
  return failures < 2 && code !== "store_unavailable" && (status === 0 || status === 429 || status >= 500);
}

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: worthAnotherTry, retryDelay: (attempt) => 400 * 2 ** attempt, refetchOnWindowFocus: true } },
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => {
      // Forms show their own errors beside the field.
      if (mutation.meta?.shownInForm === true) return;
      const failure = asApiError(error);
      toast("error", failure.title, `${sentence(failure.message)} (${failure.code})`);
    },
  }),
});

whenSignedOut(() => void queryClient.invalidateQueries({ queryKey: ["session"] }));
