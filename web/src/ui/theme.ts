import { createTheme, localStorageColorSchemeManager, type CSSVariablesResolver } from "@mantine/core";

export const schemeManager = localStorageColorSchemeManager({ key: "pilothouse.theme" });

const shades = (token: string) =>
  Array.from({ length: 10 }, () => token) as unknown as readonly [string, string, string, string, string, string, string, string, string, string];

export const theme = createTheme({
  fontFamily: "var(--font)",
  fontFamilyMonospace: "var(--mono)",
  defaultRadius: 6,
  cursorType: "pointer",
  focusRing: "auto",
  primaryColor: "accent",
  colors: { accent: shades("var(--accent-solid)"), danger: shades("var(--error-solid)") },
  autoContrast: false,
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: "xs" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray", size: 28 } },
    TextInput: { defaultProps: { size: "sm" } },
    PasswordInput: { defaultProps: { size: "sm" } },
    NumberInput: { defaultProps: { size: "sm" } },
    Select: { defaultProps: { size: "sm", comboboxProps: { transitionProps: { duration: 0 } } } },
    TagsInput: { defaultProps: { size: "sm" } },
    Textarea: { defaultProps: { size: "sm" } },
    Checkbox: { defaultProps: { size: "xs" } },
    Radio: { defaultProps: { size: "xs" } },
    Switch: { defaultProps: { size: "xs" } },
    Menu: { defaultProps: { transitionProps: { duration: 80 }, position: "bottom-start", shadow: undefined } },
    Popover: { defaultProps: { transitionProps: { duration: 80 } } },
    Tooltip: { defaultProps: { openDelay: 350, transitionProps: { duration: 60 }, withArrow: false } },
    Modal: { defaultProps: { centered: false, transitionProps: { duration: 100, transition: "fade" }, yOffset: "12vh" } },
  },
});

/** Mantine's own variables, said in terms of the product's tokens. */
export const variables: CSSVariablesResolver = () => {
  const both = {
    "--mantine-color-body": "var(--surface)",
    "--mantine-color-text": "var(--text)",
    "--mantine-color-dimmed": "var(--text-3)",
    "--mantine-color-placeholder": "var(--text-3)",
    "--mantine-color-error": "var(--error)",
    "--mantine-color-anchor": "var(--accent)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--hover)",
    "--mantine-color-default-color": "var(--text)",
    "--mantine-color-default-border": "var(--line-strong)",
    "--mantine-color-accent-filled": "var(--accent-solid)",
    "--mantine-color-accent-filled-hover": "var(--accent-solid-hover)",
    "--mantine-color-accent-light": "var(--accent-soft)",
    "--mantine-color-accent-light-hover": "var(--accent-soft)",
    "--mantine-color-accent-light-color": "var(--accent)",
    "--mantine-color-danger-filled": "var(--error-solid)",
    "--mantine-color-danger-filled-hover": "var(--error-solid)",
    "--mantine-color-danger-light-color": "var(--error)",
    "--mantine-color-gray-subtle-color": "var(--text-2)",
    "--mantine-color-gray-light-color": "var(--text-2)",
    "--mantine-color-gray-light-hover": "var(--hover)",
  };
  return { variables: both, light: both, dark: both };
};
