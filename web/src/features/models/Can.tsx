import { IconBraces, IconBulb, IconCheck, IconFileText, IconHelp, IconPhoto, IconTool, IconVideo, IconVolume, IconX } from "@tabler/icons-react";
import type { Abilities } from "@/api/types";
import { Tag } from "@/ui/parts";
import { FLAGS, TASKS, type Flag } from "./catalog";
import classes from "./models.module.css";

const ICONS: Readonly<Record<Flag, typeof IconTool>> = {
  tools: IconTool,
  structured_output: IconBraces,
  thinking: IconBulb,
  images: IconPhoto,
  documents: IconFileText,
  audio: IconVolume,
  video: IconVideo,
};

export function FlagName({ flag }: { flag: Flag }) {
  const Icon = ICONS[flag];
  return (
    <span className={classes.flagName}>
      <Icon size={15} aria-hidden />
      {FLAGS.find((each) => each.id === flag)?.label}
    </span>
  );
}

function names(abilities: Abilities, wanted: boolean | null): string {
  return FLAGS.filter((flag) => abilities[flag.id] === wanted)
    .map((flag) => flag.label)
    .join(", ");
}

/** `Can: …`, `Cannot: …`, `Not known: …`, a line each. */
function sentences(abilities: Abilities): string {
  const parts = [
    ["Can", names(abilities, true)],
    ["Cannot", names(abilities, false)],
    ["Not known", names(abilities, null)],
  ] as const;
  return parts
    .filter(([, list]) => list !== "")
    .map(([word, list]) => `${word}: ${list}`)
    .join("\n");
}

/** A column of marks, one place for each ability: its icon, a dash for no, a question mark for not known. */
export function AbilityMarks({ abilities }: { abilities: Abilities }) {
  const { task } = abilities;
  if (task !== null && task !== "chat") return <Tag>{TASKS[task]}</Tag>;
  if (FLAGS.every((flag) => abilities[flag.id] === null)) return <span className={classes.dim}>not known</span>;
  return (
    <span className={classes.marks} title={sentences(abilities)}>
      <span className="hidden-visually">{sentences(abilities)}</span>
      {FLAGS.map(({ id }) => {
        const Icon = ICONS[id];
        const can = abilities[id];
        return (
          <span key={id} className={classes.mark} data-can={String(can)} aria-hidden>
            {can === true ? <Icon size={15} stroke={1.75} /> : can === false ? "–" : "?"}
          </span>
        );
      })}
    </span>
  );
}

const STATES = {
  true: { icon: IconCheck, word: "yes", colour: "var(--ok)" },
  false: { icon: IconX, word: "no", colour: "var(--text-3)" },
  null: { icon: IconHelp, word: "not known", colour: "var(--text-3)" },
} as const;

/** Every ability with its answer in a word. */
export function AbilityList({ abilities }: { abilities: Abilities }) {
  return (
    <ul className={classes.abilities}>
      {FLAGS.map(({ id }) => {
        const { icon: Icon, word, colour } = STATES[String(abilities[id]) as keyof typeof STATES];
        return (
          <li key={id}>
            <FlagName flag={id} />
            <span className={classes.answer} data-can={String(abilities[id])}>
              <Icon size={14} color={colour} aria-hidden />
              {word}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
