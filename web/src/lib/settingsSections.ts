/** The pages of the settings, for their own bar and for whatever else leads there. */
export const SETTINGS_SECTIONS = [
  { to: "/settings/keys", label: "Virtual keys" },
  { to: "/settings/providers", label: "Provider accounts" },
  { to: "/settings/routes", label: "Routes" },
  { to: "/settings/models", label: "Models" },
  { to: "/settings/ingest", label: "Ingest" },
  { to: "/settings/exports", label: "Exports" },
  { to: "/settings/data", label: "Data" },
  { to: "/settings/redaction", label: "Redaction" },
  { to: "/settings/shares", label: "Share links" },
  { to: "/settings/projects", label: "Projects" },
] as const;
