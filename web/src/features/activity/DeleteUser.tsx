import { Button } from "@mantine/core";
import { IconEraser } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { deletionsQuery, requestDeletion } from "@/api/lifecycle";
import { Confirm } from "@/ui/Confirm";
import { toast } from "@/ui/toast";

/** Removes a user's data once it is confirmed, and leads to the receipt. */
export function DeleteUser({ id, project }: { id: string; project: string }) {
  const [asked, setAsked] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => requestDeletion(project, { user_id: id }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: deletionsQuery(project).queryKey });
      toast("ok", "Deletion requested; its receipt is in Settings, Data");
      void navigate({ to: "/settings/data" as never });
    },
  });
  return (
    <>
      <Button variant="default" color="danger" leftSection={<IconEraser size={15} />} onClick={() => setAsked(true)}>
        Delete data
      </Button>
      <Confirm opened={asked} title="Delete this user's data?" action="Delete this user's data" busy={remove.isPending} onCancel={() => setAsked(false)} onConfirm={() => remove.mutate()}>
        Every trace with a span of <b>{id}</b> goes, whole, with its scores and log records, from now and from all time. It cannot be undone. What the user does later is kept as usual.
      </Confirm>
    </>
  );
}
