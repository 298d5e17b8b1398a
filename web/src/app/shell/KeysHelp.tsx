import { Dialog } from "@/ui/Dialog";
import { Kbd } from "@/ui/parts";
import classes from "./shell.module.css";

const GROUPS = [
  {
    title: "Everywhere",
    keys: [
      ["Ctrl K", "Search, go to, actions"],
      ["?", "These keys"],
      ["Esc", "Close what is open"],
    ],
  },
  {
    title: "Trace list",
    keys: [
      ["/", "Search in the text of traces"],
      ["J", "Next row"],
      ["K", "Previous row"],
      ["Enter", "Open the trace"],
      ["L", "Live tail on or off"],
      ["X", "Pick a trace to compare"],
    ],
  },
  {
    title: "Sessions and users",
    keys: [
      ["/", "Search by name"],
      ["J", "Next row or turn"],
      ["K", "Previous row or turn"],
      ["Enter", "Open session, user or trace"],
      ["E", "Whole text of a turn"],
    ],
  },
  {
    title: "Batches",
    keys: [
      ["J", "Next batch"],
      ["K", "Previous batch"],
      ["Enter", "Progress, jobs, files"],
    ],
  },
  {
    title: "Models",
    keys: [
      ["/", "Search by name"],
      ["J", "Next model"],
      ["K", "Previous model"],
      ["Enter", "Prices and abilities"],
    ],
  },
  {
    title: "Trace",
    keys: [
      ["[", "Previous trace"],
      ["]", "Next trace"],
      ["J", "Next span"],
      ["K", "Previous span"],
      ["E", "Fold or unfold the span"],
      ["R", "Raw JSON on or off"],
      ["/", "Search in the trace"],
      ["N", "Next match"],
      ["-", "Fold all"],
      ["=", "Unfold all"],
    ],
  },
] as const;

export function KeysHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Keyboard shortcuts" size={880}>
      <div className={classes.keys}>
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([key, meaning]) => (
                <div key={key}>
                  <dt>{meaning}</dt>
                  <dd>
                    {key.split(" ").map((part) => (
                      <Kbd key={part}>{part}</Kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
