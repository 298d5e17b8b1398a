import { useMantineColorScheme } from "@mantine/core";

const ORDER = ["light", "dark", "auto"] as const;

/** The theme, and stepping through light, dark and the system's own. */
export function useSchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const toggle = () => setColorScheme(ORDER[(ORDER.indexOf(colorScheme) + 1) % ORDER.length] ?? "auto");
  return { colorScheme, setColorScheme, toggle };
}
