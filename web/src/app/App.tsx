import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { schemeManager, theme, variables } from "@/ui/theme";
import { Toasts } from "@/ui/toast";
import { queryClient } from "./client";
import { router } from "./router";

export function App() {
  return (
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <MantineProvider theme={theme} cssVariablesResolver={variables} colorSchemeManager={schemeManager} defaultColorScheme="auto">
          <RouterProvider router={router} />
          <Toasts />
        </MantineProvider>
      </QueryClientProvider>
    </StrictMode>
  );
}
