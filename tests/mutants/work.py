"""Protections of what is worked off, kept and delivered."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "each host goes by its own clock",
        (("kernel/shared_clock.py", "    return shared\n", "    return host\n"),),
        "tests/fleet/test_clock.py",
    ),
    Mutant(
        "a period that ended while it failed gets nothing back",
        (("fulfillment/commitments.py", "for row in (*ended, *rows):", "for row in rows:"),),
        "tests/samples/test_kinds.py::test_a_period_that_ended_while_it_failed_is_paid_back_for_that_time",
    ),
    Mutant(
        "a failing term whose product can't be asked is simply over",
        (("fulfillment/probing.py", "grace = self._grace(row) if row.failing_since else timedelta()",
          "grace = timedelta(days=999)"),),
        "tests/operations/test_redelivery_changes.py::"
        "test_a_failing_term_whose_product_is_gone_when_its_time_is_up_waits_for_it",
    ),
    Mutant(
        "time in which nobody looked ends a term",
        (("fulfillment/probing.py", "passed = min(max(now - head.probed_at, timedelta()), self._every)",
          "passed = now - head.probed_at"),),
        "tests/samples/test_kinds.py::test_only_the_time_in_which_it_was_seen_failing_counts_against_a_term",
    ),
    Mutant(
        "deadlines are not looked at",
        (("fulfillment/sweep.py", "if o.deadline_at <= now]", "if False]"),),
        "tests/race/test_money.py::test_what_cant_be_made_is_refunded_at_its_deadline",
    ),
    Mutant(
        "inputs are not read back before making",
        (
            ("fulfillment/targets.py", "self.workshop.objects.verify(asset.key, asset.sha256, asset.size)", "pass"),
        ),
        "tests/race/test_money.py::test_what_cant_be_made_is_refunded_at_its_deadline",
    ),
    Mutant(
        "a chunk's records don't say whose they are",
        (("fulfillment/contexts.py", ", run, self._shelf)", ", run)"),),
        "tests/crash/test_chunk.py",
    ),
    Mutant(
        "what a killed process left is not taken up",
        (
            ("engine/durable.py", "EMBEDDED if database.is_sqlite else BOOT", "BOOT"),
            ("engine/fleet.py", "        self._take_over(now)\n", ""),
        ),
        "tests/crash/test_kills.py::test_an_order_survives_a_kill[posters.make:before]",
    ),
    Mutant(
        "each operator's retry begins an attempt",
        (("fulfillment/operating.py", "            if self._just_asked(session, owed):", "            if False:"),),
        "tests/operations/test_acts.py::test_two_operators_who_retry_at_once_begin_one_attempt",
    ),
    Mutant(
        "completing by hand does not take the attempt over",
        (
            ("fulfillment/operating.py", "            target = target.of_attempt(owed.attempt + 1)\n", ""),
            ("fulfillment/operating.py", "not self._obligations.take_over(session, owed.id, owed.attempt)", "False"),
        ),
        "tests/operations/test_acts.py::test_completing_by_hand_while_it_is_made_delivers_one_of_the_two",
    ),
    Mutant(
        "a redelivery ends the links before it",
        (("fulfillment/redelivering.py", "revoked_at=grant.revoked_at,", "revoked_at=now,"),),
        "tests/operations/test_acts.py::test_a_lost_file_is_made_again_and_the_old_link_goes_on_working",
    ),
    Mutant(
        "nobody looks after the workers that died",
        (("engine/fleet.py", "        self._take_over(now)\n", ""),),
        "tests/fleet/test_fleet.py::test_what_a_killed_worker_held_is_taken_over_and_no_recorded_step_is_repeated",
    ),
    Mutant(
        "a worker that was taken for dead goes on",
        (("engine/fleet.py", "== self._me, WorkerRow.dead.is_(False))", "== self._me)"),),
        "tests/fleet/test_fleet.py::test_a_worker_that_froze_is_fenced_and_comes_back_as_another",
    ),
    Mutant(
        "the gate of a product is not looked at when it is made",
        (("fulfillment/targets.py", "products.working(line.product_id)", "products.get(line.product_id)"),),
        "tests/health/test_plugins.py",
    ),
    Mutant(
        "what abandoned attempts have outside is not undone",
        (("fulfillment/assembly.py", "discarding.sweep, jobs.sweep", "jobs.sweep"),),
        "tests/samples/test_kinds.py::test_what_was_begun_outside_is_undone_when_it_is_refunded_before_delivery",
    ),
    Mutant(
        "what a job made is not read back when it is paid for",
        (
            ("fulfillment/generated.py", "objects.verify(artefact.key, artefact.sha256, artefact.size)", "pass"),
        ),
        "tests/samples/test_kinds.py::test_what_the_job_made_is_made_again_if_it_is_gone_when_it_is_paid_for",
    ),
    Mutant(
        "a renewal begins now instead of after what is paid for",
        (("fulfillment/commitments.py", "since = max([now, *(one.until for one in before)])", "since = now"),),
        "tests/samples/test_kinds.py::test_two_renewals_prolong_the_same_mailbox_twice",
    ),
    Mutant(
        "what fails after its delivery is not made again",
        (("fulfillment/probing.py", "            self._restore(head.id, head.restore_try)\n", ""),),
        "tests/samples/test_kinds.py::test_a_mailbox_that_vanished_is_made_again_and_nothing_is_paid_back",
    ),
    Mutant(
        "one that fails takes its chunk with it",
        (
            (
                "fulfillment/workflow.py",
                "        failed[member] = _typed(error, member)\n\n\ndef _superseded",
                "        raise\n\n\ndef _superseded",
            ),
        ),
        "tests/samples/test_kinds.py::test_two_hundred_in_chunks_are_delivered_but_for_those_that_fail_for_ever",
    ),
    Mutant(
        "a redelivery lets go of what did not change",
        (("fulfillment/keeping.py", "made.where(ArtefactRow.asset_id.not_in(used)).distinct()", "made.distinct()"),),
        "tests/operations/test_redelivery_changes.py::test_a_file_that_comes_out_the_same_is_kept_when_another_comes_out_anew",
    ),
    Mutant(
        "a redelivery leaves behind what is outside",
        (("fulfillment/redelivering.py", "outside.pass_on(session,", "(session,"),),
        "tests/operations/test_redelivery_changes.py::test_what_is_outside_stays_in_use_when_the_files_come_out_anew",
    ),
    Mutant(
        "an attempt that fails after it was given up leaves what it did since",
        (("fulfillment/workflow.py", "if not counts:", "if not counts and isinstance(error, Superseded):"),),
        "tests/operations/test_left_outside.py::test_what_takes_effect_outside_after_its_order_was_given_back_is_undone_too",
    ),
    Mutant(
        "what is restored after its end stays outside",
        (("fulfillment/commitments.py", "if not standing(session, kept, kind):", "if False:"),),
        "tests/operations/test_redelivery_changes.py::test_what_is_restored_while_its_money_goes_back_is_taken_back",
    ),
    Mutant(
        "what was broken off is told to work again",
        (("fulfillment/restoring.py", "if not standing(session, row.unit_id, row.kind):", "if False:"),),
        "tests/operations/test_restored_too_late.py"
        "::test_what_was_broken_off_is_not_told_to_work_again_and_erased_only_once_nobody_works_on_it",
    ),
    Mutant(
        "a term that had failed when its time was up is simply over",
        (("fulfillment/commitments.py", "not money_went and failing and failing >= grace", "False"),),
        "tests/operations/test_redelivery_changes.py::test_a_term_that_had_failed_when_its_time_was_up_is_paid_back_in_part_once_its_dispute_is_won",
    ),
    Mutant(
        "a pool without processes stays",
        (("engine/isolation.py", "if not self._pool.active and not self._stopped:", "if False:"),),
        "tests/crash/test_isolated_kills.py::test_a_killed_process_for_isolated_work_is_replaced",
    ),
    Mutant(
        "a log that can't be written ends whoever writes it",
        (("kernel/logs.py", "with contextlib.suppress(OSError, ValueError):", "if True:"),),
        "tests/crash/test_full_disk.py::test_after_a_full_disk_everything_goes_on_by_itself",
    ),
    Mutant(
        "a download that was taken away is said to have been paid back",
        (("fulfillment/downloads.py", "raise _taken_away(session, obligation.order_id)", "raise DownloadRevoked"),),
        "tests/operations/test_privacy.py::test_who_was_taken_out_reads_that_it_was_their_wish",
    ),
    Mutant(
        "downloads that have ended are said to be ready",
        (("web/order_view.py", "_is_expired(shop, known, obligation),", "False,"),),
        "tests/operations/test_ended_downloads.py::test_the_page_says_that_the_downloads_have_ended_and_why",
    ),
    Mutant(
        "what never had downloads is said to have lost them",
        (("web/order_view.py", "and any(_is_shown(row) for row, _ in made)", ""),),
        "tests/operations/test_ended_downloads.py::test_what_never_had_downloads_has_none_that_ended",
    ),
]  # fmt: skip
