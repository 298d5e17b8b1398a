import { ActionIcon, Button, Checkbox, NativeSelect, TextInput, Tooltip } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import type { ApiError } from "@/api/client";
import type { DetectorView } from "@/api/redaction";
import { Panel } from "@/ui/parts";
import classes from "../settings.module.css";
import { ACTIONS, PARTS, titleOf, type Action, type Draft, type FieldLine, type PatternLine } from "./draft";
import styles from "./redaction.module.css";

export interface RulesProps {
  draft: Draft;
  failure: ApiError | null;
  onChange: (change: (before: Draft) => Draft) => void;
}

function ActionSelect({ label, value, onChange }: { label: string; value: Action; onChange: (action: Action) => void }) {
  return <NativeSelect className={styles.action} aria-label={label} data={ACTIONS} value={value} onChange={(event) => onChange(event.currentTarget.value as Action)} />;
}

function Remove({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <Tooltip label="Remove">
      <ActionIcon aria-label={label} size="lg" onClick={onClick}>
        <IconTrash size={15} />
      </ActionIcon>
    </Tooltip>
  );
}

export function Detectors({ draft, onChange, detectors }: RulesProps & { detectors: DetectorView[] }) {
  const set = (name: string, action: string) =>
    onChange((before) => {
      const others = Object.fromEntries(Object.entries(before.detectors).filter(([other]) => other !== name));
      return { ...before, detectors: action === "" ? others : { ...others, [name]: action as Action } };
    });
  return (
    <Panel>
      <div className={styles.group}>
        <h2>Detectors</h2>
        {detectors.map((one) => (
          <div key={one.name} className={styles.row}>
            <div>
              <span className={classes.strong}>{titleOf(one.name)}</span>
              <div className={classes.dim}>{one.about}</div>
            </div>
            <NativeSelect
              className={styles.action}
              aria-label={`What to do with ${one.name.replaceAll("_", " ")}`}
              data={[{ value: "", label: "Keep" }, ...ACTIONS]}
              value={draft.detectors[one.name] ?? ""}
              onChange={(event) => set(one.name, event.currentTarget.value)}
            />
          </div>
        ))}
      </div>
    </Panel>
  );
}

export function Fields({ draft, failure, onChange }: RulesProps) {
  const edit = (id: number, change: Partial<FieldLine>) => onChange((before) => ({ ...before, fields: before.fields.map((line) => (line.id === id ? { ...line, ...change } : line)) }));
  return (
    <Panel>
      <div className={styles.group}>
        <h2>Names of fields</h2>
        <p className={classes.dim}>Keys of JSON at any depth, and attributes, in any case. * stands for any part.</p>
        {draft.fields.map((line, place) => (
          <div key={line.id} className={styles.row}>
            <TextInput aria-label={`Field ${String(place + 1)}`} placeholder="password" value={line.name} error={failure?.field(`fields/${String(place)}/name`)} onChange={(event) => edit(line.id, { name: event.currentTarget.value })} />
            <ActionSelect label={`What to do with field ${String(place + 1)}`} value={line.action} onChange={(action) => edit(line.id, { action })} />
            <Remove label={`Remove field ${String(place + 1)}`} onClick={() => onChange((before) => ({ ...before, fields: before.fields.filter(({ id }) => id !== line.id) }))} />
          </div>
        ))}
        <div>
          <Button
            variant="default"
            leftSection={<IconPlus size={14} />}
            onClick={() => onChange((before) => ({ ...before, nextId: before.nextId + 1, fields: [...before.fields, { id: before.nextId, name: "", action: "mask" }] }))}
          >
            Add a field
          </Button>
        </div>
      </div>
    </Panel>
  );
}

export function Patterns({ draft, failure, onChange }: RulesProps) {
  const edit = (id: number, change: Partial<PatternLine>) => onChange((before) => ({ ...before, patterns: before.patterns.map((line) => (line.id === id ? { ...line, ...change } : line)) }));
  return (
    <Panel>
      <div className={styles.group}>
        <h2>Your own patterns</h2>
        <p className={classes.dim}>Expressions in RE2&apos;s syntax; the name stands in the mark.</p>
        {draft.patterns.map((line, place) => (
          <div key={line.id} className={styles.row}>
            <TextInput aria-label={`Expression of pattern ${String(place + 1)}`} placeholder="ORD-[0-9]{6}" value={line.pattern} error={failure?.field(`patterns/${String(place)}/pattern`)} onChange={(event) => edit(line.id, { pattern: event.currentTarget.value })} />
            <TextInput className={styles.action} aria-label={`Name of pattern ${String(place + 1)}`} placeholder="order" value={line.name} error={failure?.field(`patterns/${String(place)}/name`)} onChange={(event) => edit(line.id, { name: event.currentTarget.value })} />
            <ActionSelect label={`What to do with pattern ${String(place + 1)}`} value={line.action} onChange={(action) => edit(line.id, { action })} />
            <Remove label={`Remove pattern ${String(place + 1)}`} onClick={() => onChange((before) => ({ ...before, patterns: before.patterns.filter(({ id }) => id !== line.id) }))} />
          </div>
        ))}
        <div>
          <Button
            variant="default"
            leftSection={<IconPlus size={14} />}
            onClick={() => onChange((before) => ({ ...before, nextId: before.nextId + 1, patterns: [...before.patterns, { id: before.nextId, name: "", pattern: "", action: "mask" }] }))}
          >
            Add a pattern
          </Button>
        </div>
      </div>
    </Panel>
  );
}

export function Parts({ draft, onChange }: RulesProps) {
  return (
    <Panel>
      <div className={styles.group}>
        <h2>Left out as a whole</h2>
        <div className={styles.parts}>
          {PARTS.map(({ value, label, hint }) => (
            <Checkbox
              key={value}
              label={label}
              description={hint}
              checked={draft.off.includes(value)}
              onChange={(event) => {
                const { checked } = event.currentTarget;
                onChange((before) => ({ ...before, off: checked ? [...before.off, value] : before.off.filter((part) => part !== value) }));
              }}
            />
          ))}
        </div>
      </div>
    </Panel>
  );
}
