import { createContext } from "react";

/** Whether what is known of a trace leads to other pages; it does not for whoever may read this one alone. */
export const Linked = createContext(true);
