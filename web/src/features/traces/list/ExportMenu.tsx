import { Button, Menu } from "@mantine/core";
import { IconFileExport } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { downloadAddress } from "@/api/lifecycle";
import type { Span, TraceQuery } from "@/api/queries";

/** Downloads what the list shows, or leads to an export that runs by itself. */
export function ExportMenu({ project, range, filter }: { project: string; range: Span; filter: TraceQuery }) {
  const address = (format: string) =>
    downloadAddress(project, {
      what: "traces",
      format,
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      q: filter.q,
    });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" size="xs" h={32} leftSection={<IconFileExport size={14} />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={address("jsonl")} download>
          Download as JSON lines
        </Menu.Item>
        <Menu.Item component="a" href={address("parquet")} download>
          Download as Parquet
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item component={Link} {...({ to: "/settings/exports", search: { new: "1" } } as object)}>
          Export on a schedule
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
