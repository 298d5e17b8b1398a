/** What to do about an error code, for whoever looks at a failed call. */
const ADVICE: Record<string, string> = {
  key_missing: "Send a virtual key as “Authorization: Bearer ph_…”.",
  key_unknown: "The key is not one of this installation's. Check it for typos, or create a new one in the settings.",
  key_expired: "Create a new key in the settings and put it into the application.",
  key_revoked: "Somebody revoked this key. Create a new one if the application should still have access.",
  model_missing: "Name a model in the request, as account/model or as a route.",
  model_unknown: "Look at the routes and provider accounts in the settings for the names that can be called.",
  model_forbidden: "The key may not call this model. Create a key whose model patterns cover it.",
  permission_missing: "The key lacks a permission. Create one that has it.",
  invalid_json: "The body was not valid JSON; the detail names the position.",
  invalid_request: "A field of the request is at fault; the detail names it.",
  body_too_large: "Send less, or raise the limit of the gateway.",
  upstream_unreachable: "The provider could not be reached. Test the account in the settings; check its address, DNS and the firewall.",
  upstream_timeout: "The provider took too long. Try a smaller request or another model, or raise the timeout.",
  upstream_protocol: "The provider's answer was not understood. The base URL may lead to something else than an API.",
  upstream_cut: "The provider broke off in the middle of its answer. What had arrived is kept in the output.",
  upstream_auth: "The provider refused the account's key. Put a valid one into the provider account.",
  upstream_billing: "The account at the provider is out of credit.",
  upstream_not_found: "The provider does not know this model. Test the account to see which it offers.",
  upstream_invalid: "The provider refused the request as invalid; its own words are in the detail.",
  upstream_rate_limited: "The provider's rate limit is spent. Wait, spread the load over more accounts by a route, or ask for a higher limit.",
  upstream_overloaded: "The provider is out of capacity. Try again later, or point the route at another account.",
  upstream_fault: "The provider failed inside. It usually passes; if not, point the route at another account.",
  context_length: "The request is longer than the model's context. Shorten it, or use a model with a longer one.",
  content_policy: "The provider's content filter refused. Change the request, or use another model.",
  client_disconnected: "The application closed the connection before the answer was complete. Check its timeout.",
};

export function advice(code: string): string {
  return ADVICE[code] ?? "";
}

/** Where the docs explain a code. */
export function docsOf(code: string): string {
  return `/docs/reference/errors#${code}`;
}
