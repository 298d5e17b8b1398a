import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

const NO_NETWORK = "Only src/api talks to the network.";

export default tseslint.config(
  { ignores: ["src/api/schema.d.ts", "node_modules", "public"] },
  ...tseslint.configs.strict,
  reactHooks.configs.flat["recommended-latest"],
  {
    languageOptions: { globals: globals.browser },
    rules: {
      "no-console": "error",
      eqeqeq: "error",
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      complexity: ["error", 20],
      "no-restricted-globals": [
        "error",
        { name: "fetch", message: NO_NETWORK },
        { name: "EventSource", message: NO_NETWORK },
        { name: "XMLHttpRequest", message: NO_NETWORK },
        { name: "WebSocket", message: NO_NETWORK },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Recorded text is never HTML." },
      ],
      "react-hooks/incompatible-library": "off",
    },
  },
  { files: ["src/api/**"], rules: { "no-restricted-globals": "off" } },
  { files: ["tools/**"], languageOptions: { globals: globals.node }, rules: { "no-console": "off" } },
);
