import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconCircleCheck, IconDots, IconPencil, IconRotate, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { changeComment, deleteComment, type CommentView } from "@/api/comments";
import { sessionQuery } from "@/api/queries";
import { ago, exactTime } from "@/lib/format";
import { useNow } from "@/lib/now";
import { Confirm } from "@/ui/Confirm";
import { Markdown } from "@/ui/markdown/Markdown";
import classes from "./comments.module.css";
import { EditForm } from "./CommentForm";

const MODERATORS: readonly (string | undefined)[] = ["owner", "admin"];

/** One comment with what its reader may do to it. */
export function CommentItem({ project, comment, children }: { project: string; comment: CommentView; children?: ReactNode }) {
  const now = useNow(30_000);
  const client = useQueryClient();
  const role = useQuery(sessionQuery).data?.person?.role;
  const [editing, setEditing] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const resolved = comment.resolved_at !== null;
  const verb = resolved ? "Open again" : "Resolve";
  const [unfolded, setUnfolded] = useState(false);
  const again = () => client.invalidateQueries({ queryKey: ["comments", project] });
  const resolve = useMutation({ mutationFn: () => changeComment(project, comment.id, { resolved: !resolved }), onSuccess: again });
  const remove = useMutation({
    mutationFn: () => deleteComment(project, comment.id),
    onSuccess: async () => {
      await again();
      setDeleting(false);
    },
  });
  const mayDelete = comment.mine || MODERATORS.includes(role);
  const created = new Date(comment.created_at);
  return (
    <li className={classes.item} data-resolved={resolved || undefined}>
      <header className={classes.head}>
        <b>{comment.author_name}</b>
        <time dateTime={comment.created_at} title={exactTime(created)}>
          {ago(created, new Date(now))}
        </time>
        {comment.edited_at !== null && <span title={exactTime(new Date(comment.edited_at))}>edited</span>}
        {resolved && <span className={classes.done}>resolved</span>}
        {children}
        <span className={classes.grow} />
        {role !== "viewer" && (
          <ActionIcon size={24} aria-label={verb} title={verb} loading={resolve.isPending} onClick={() => resolve.mutate()}>
            {resolved ? <IconRotate size={14} /> : <IconCircleCheck size={14} />}
          </ActionIcon>
        )}
        {mayDelete && (
          <Menu position="bottom-end" width={140}>
            <Menu.Target>
              <ActionIcon size={24} aria-label={`Actions of the comment by ${comment.author_name}`}>
                <IconDots size={14} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {comment.mine && (
                <Menu.Item leftSection={<IconPencil size={14} />} onClick={() => setEditing(true)}>
                  Edit
                </Menu.Item>
              )}
              <Menu.Item leftSection={<IconTrash size={14} />} color="danger" onClick={() => setDeleting(true)}>
                Delete
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
      </header>
      {editing ? (
        <EditForm project={project} comment={comment} onDone={() => setEditing(false)} />
      ) : resolved && !unfolded ? (
        <Button variant="subtle" color="gray" size="compact-xs" onClick={() => setUnfolded(true)}>
          Show it
        </Button>
      ) : (
        <Markdown text={comment.text} />
      )}
      <Confirm opened={deleting} title="Delete the comment?" action="Delete comment" busy={remove.isPending} onCancel={() => setDeleting(false)} onConfirm={() => remove.mutate()}>
        The comment by {comment.author_name} goes for everybody. This cannot be undone.
      </Confirm>
    </li>
  );
}
