import { Radio } from "@mantine/core";
import { useState } from "react";
import { ShareDialog } from "./ShareDialog";
import classes from "./sharing.module.css";

/** Makes a link to a trace, which began at that time. */
export function ShareTrace({ project, traceId, at }: { project: string; traceId: string; at: string }) {
  const [bodies, setBodies] = useState("without");
  return (
    <ShareDialog
      project={project}
      title="Share this trace"
      lead="Whoever has the link can read this one trace, without an account. It never shows for whom or with which key it was made."
      chosen={{ trace_id: traceId, at, bodies: bodies === "with" }}
    >
      <Radio.Group label="It shows" value={bodies} onChange={setBodies}>
        <div className={classes.choices}>
          <Radio value="without" label="Only structure" description="What happened when, how it ended, tokens and cost" />
          <Radio value="with" label="With inputs and outputs" description="Every prompt and answer in it, as recorded" />
        </div>
      </Radio.Group>
    </ShareDialog>
  );
}
