type Listener = (index: number | null, from: Element | null) => void;

interface Crosshair {
  tell: Listener;
  listen: (listener: Listener) => () => void;
}

const groups = new Map<string, Crosshair>();

/** The shared position of the pointer on all charts of one group. */
export function crosshair(group: string): Crosshair {
  let found = groups.get(group);
  if (found === undefined) {
    const listeners = new Set<Listener>();
    found = {
      tell: (index, from) => {
        for (const listener of listeners) listener(index, from);
      },
      listen: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    };
    groups.set(group, found);
  }
  return found;
}
