import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds a running Pilothouse. */
const target = process.env.PILOTHOUSE_URL ?? "http://127.0.0.1:4100";

export default defineConfig({
  // Addresses are relative to the <base> of index.html, so the server can mount the UI under any prefix.
  base: "./",
  plugins: [react()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  server: { fs: { allow: [".."] }, proxy: { "/api": { target, changeOrigin: false } } },
  build: {
    outDir: "../src/pilothouse/server/static",
    emptyOutDir: true,
    target: "es2022",
    // No data: scripts or fonts: the content security policy stays at 'self'.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
    manifest: true,
  },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"], environment: "node" },
});
