"""Takes each protection away in a copy of the source and shows that a test turns red: `make mutants`.

A mutant is a few exact replacements; a protection that is kept twice loses both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"


@dataclass(frozen=True)
class Mutant:
    """`changes` are (file below src/makegood, what stands there, what stands there instead); `test` must fail."""

    name: str
    changes: tuple[tuple[str, str, str], ...]
    test: str


ADAPTER = "payments/providers/sandbox/adapter.py"
MUTANTS = [
    Mutant(
        "a payment of another amount or currency unlocks",
        (("payments/settling.py", "problem = _mismatch(payment, seen)", "problem = None"),),
        "tests/race/test_money.py::test_another_amount_or_currency_unlocks_nothing_and_goes_back",
    ),
    Mutant(
        "an order whose own payment can't buy it stays open",
        (("payments/settling.py", "            self._close_order(session, order.id)\n", ""),),
        "tests/race/test_surplus.py",
    ),
    Mutant(
        "an upload doesn't look at the disk on its way",
        (("web/uploads.py", "            if received - looked_at >= STRETCH:", "            if False:"),),
        "tests/acceptance/test_hostile_uploads.py::test_an_upload_that_meets_the_floor_on_its_way_ends_there",
    ),
    Mutant(
        "the webhook's signature is not looked at",
        ((ADAPTER, "if not hmac.compare_digest(expected.encode(), signature.encode()):", "if not expected:"),),
        "tests/race/test_webhooks.py::test_a_forged_webhook_is_refused_and_unlocks_nothing",
    ),
    Mutant(
        "the webhook's age is not looked at",
        ((ADAPTER, "TOLERANCE_SECONDS = 300", "TOLERANCE_SECONDS = 10**9"),),
        "tests/race/test_webhooks.py::test_a_forged_webhook_is_refused_and_unlocks_nothing",
    ),
    Mutant(
        "the webhook is believed",
        (
            (
                "payments/inbox.py",
                "            if not self._settling.settle(payment):\n",
                ("            seen = self._providers[event.provider].retrieve(event.provider_ref)\n"
                "            import dataclasses\n"
                "            paid = dataclasses.replace(seen, state='paid', captured_minor=seen.amount_minor)\n"
                "            self._settling.apply(payment_id, paid)\n"
                 "            if False:\n"),
            ),
        ),
        "tests/race/test_webhooks.py::test_a_signed_webhook_is_not_believed_about_the_payment_only_about_where_to_look",
    ),
    Mutant(
        "nobody polls unsettled payments, nor reads the provider's lists",
        (
            ("payments/sweep.py", "self._requests, self._unsettled,", "self._requests,"),
            ("payments/reconciling.py", "done = self.reconcile()", "done = Reconciliation()"),
        ),
        "tests/race/test_webhooks.py::test_however_the_webhook_comes_the_order_is_delivered_once",
    ),
    Mutant(
        "an event is not unique",
        (
            ("payments/inbox.py", "event_id=event.event_id,", "event_id=row_id,"),
        ),
        "tests/race/test_webhooks.py::test_twenty_deliveries_of_one_event_at_once",
    ),
    Mutant(
        "a second payment is kept",
        (("payments/settling.py", "        if is_other and (", "        if False and ("),),
        "tests/race/test_money.py::test_a_second_payment_of_one_order_is_given_back",
    ),
    Mutant(
        "a payment is requested without looking and without a key",
        (
            ("payments/requesting.py", "provider.find(payment.id) or provider.request", "provider.request"),
            (ADAPTER, 'headers = {"Idempotency-Key": key} if key else {}', "headers = {}"),
        ),
        "tests/race/test_money.py::test_a_provider_that_fails_is_asked_again_and_charges_once",
    ),
    Mutant(
        "a refund is asked for without looking and without a key",
        (
            ("payments/refunding.py", "seen = provider.find_refund(refund.reference)", "seen = None"),
            ("payments/refunding.py", "self._reversing.look(payment.id)", "pass"),
            ("payments/reconciling.py", "done = self.reconcile()", "done = Reconciliation()"),
            (ADAPTER, 'headers = {"Idempotency-Key": key} if key else {}', "headers = {}"),
        ),
        "tests/crash/test_reversal_kills.py::test_our_refund_of_one_unit_survives_a_kill_and_leaves_the_other_paid",
    ),
    Mutant(
        "one version of a draft may have many open orders",
        (
            ("checkout/ordering.py", "self._open_orders.same(session, draft, checkout.wish)", "None"),
            ("checkout/ordering.py", "open_for=open_for(draft)", "open_for=None"),
        ),
        "tests/race/test_money.py::test_the_same_submit_from_ten_places_is_one_order_and_one_charge",
    ),
    Mutant(
        "the open order is returned whatever is asked for",
        (
            ("checkout/ordering.py", "if before is None or before.wish == wish:", "if True:"),
            ("checkout/open_orders.py", "if found is not None and found.wish != wish:", "if False:"),
        ),
        "tests/acceptance/test_another_checkout.py::test_what_was_asked_for_last_is_what_is_paid_for",
    ),
    Mutant(
        "a promotion's use passes on from an order as often as it is corrected",
        (("checkout/open_orders.py", "        if session.scalar(sa.select(known)):\n            return False\n", ""),),
        "tests/race/test_drafts.py::test_a_promotions_use_passes_on_to_one_order_only",
    ),
    Mutant(
        "a draft is changed without locking its row",
        (("checkout/drafts.py", "populate_existing=True, with_for_update=locks)", "populate_existing=True)"),),
        "tests/race/test_drafts.py::test_a_change_that_was_begun_before_a_quote_is_not_sold_at_its_price",
    ),
    Mutant(
        "an order is placed of what was read before its draft was locked",
        (("checkout/ordering.py", "    _require_current(quote, draft)\n            order", "    order"),),
        "tests/race/test_drafts.py::test_a_file_that_comes_while_an_order_is_placed_is_not_sold_at_the_price_of_the_one_before",
    ),
    Mutant(
        "a draft expires without its row being locked",
        (("checkout/drafts.py", "populate_existing=True, with_for_update=True)", "populate_existing=True)"),),
        "tests/race/test_drafts.py::test_a_draft_that_is_changed_at_its_end_stays",
    ),
    Mutant(
        "a draft is erased without its row being locked",
        (("checkout/erasing.py", 'str(event.data["draft"]), with_for_update=True)', 'str(event.data["draft"]))'),),
        "tests/race/test_drafts.py::test_a_file_that_comes_while_its_owner_is_erased_goes_too",
    ),
    Mutant(
        "retention and erasing don't see who else paid for a term",
        (("checkout/keeping.py", ", Commitment.unit_id == Obligation.unit_id),", "),"),),
        "tests/retention/test_renewed.py::test_retention_keeps_what_a_renewed_term_works_on",
    ),
    Mutant(
        "what a renewal that may still be paid would work on is let go",
        (("checkout/keeping.py", "(Obligation.unit_id), may_be_renewed)", "(Obligation.unit_id))"),),
        "tests/retention/test_renewed.py::test_what_a_renewal_that_may_still_be_paid_would_work_on_stays",
    ),
    Mutant(
        "a promotion's last use is not guarded",
        (
            ("catalog/promotions.py", "        or promotion.uses_left == 0\n", ""),
            ("catalog/promotions.py", "Promotion.code == promotion.code, Promotion.uses_left > 0", "False"),
            ("catalog/promotions.py", "if used.rowcount != 1:", "if False:"),
        ),
        "tests/race/test_money.py::test_the_last_use_of_a_promotion_is_used_by_one_order",
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
        "an overtaken attempt gives back what another delivered",
        (("orders/obligations.py", "error.for_customer(), IS_OPEN, is_ours, error", "error.for_customer(), error"),),
        "tests/operations/test_late_ends.py::test_an_overtaken_attempt_that_can_never_make_it_gives_nothing_back",
    ),
    Mutant(
        "a deadline gives back what was delivered meanwhile",
        (("orders/obligations.py", "error.for_customer(), IS_OPEN, is_late, error", "error.for_customer(), error"),),
        "tests/operations/test_late_ends.py::test_what_is_delivered_while_the_sweep_looks_at_deadlines_is_not_given_back",
    ),
    Mutant(
        "orders take no hold on their inputs",
        (
            ("checkout/ordering.py", "_asset_ids(draft), HoldKind.ORDER", "(), HoldKind.ORDER"),
            ("payments/settling.py", "        if wanted and not wanted <= ", "        if not wanted >= "),
        ),
        "tests/race/test_retention.py",
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
        "retention marks a file without locking its row",
        (
            ("storage/retention.py", "get_one(Asset, asset_id, with_for_update=True)", "get_one(Asset, asset_id)"),
        ),
        "tests/retention/test_at_the_same_moment.py::test_a_hold_that_is_taken_while_retention_looks_keeps_the_file",
    ),
    Mutant(
        "a hold is taken without locking the file's row",
        (("storage/assets.py", ".with_for_update(read=True)", ""),),
        "tests/retention/test_at_the_same_moment.py::test_a_hold_that_comes_while_the_file_is_marked_is_refused",
    ),
    Mutant(
        "an order lets go without locking its row",
        (("storage/retention.py", "if rule.locks is not None:", "if False:"),),
        "tests/retention/test_at_the_same_moment.py::test_a_payment_that_comes_while_its_order_lets_go_keeps_the_files",
    ),
    Mutant(
        "a payment unlocks an order without locking its row",
        (("payments/settling.py", "order_id, with_for_update=True, options", "order_id, options"),),
        "tests/retention/test_at_the_same_moment.py::test_a_payment_that_comes_after_its_order_let_go_unlocks_nothing",
    ),
    Mutant(
        "files are kept from the order on instead of from its payment and delivery",
        (
            ("checkout/keeping.py", "Obligation.delivered_at < before,", "Order.created_at < before,"),
            ("checkout/keeping.py", "Order.paid_at < before,", ""),
            ("checkout/keeping.py", "    over = _over(now, days) & ~promised", "    over = _over(now, days)"),
        ),
        "tests/retention/test_rules.py::test_paid_on_day_30_is_not_deleted_on_day_30",
    ),
    Mutant(
        "an alert counts as told though nobody accepted it",
        (("notify/alerts.py", "            if problem:\n", "            if False:\n"),),
        "tests/operations/test_alerts.py::test_what_nobody_accepts_stays_untold_and_is_tried_again",
    ),
    Mutant(
        "an alert is noted as told before it is sent",
        (
            (
                "notify/alerts.py",
                "        reached, problems =",
                "        self._record(row, [], [])\n        reached, problems =",
            ),
        ),
        "tests/operations/test_alerts.py::test_a_kill_between_telling_and_noting_it_repeats_the_message_and_loses_none",
    ),
    Mutant(
        "two processes tell an alert without a claim",
        (("notify/alerts.py", "            if claimed.rowcount != 1:", "            if False:"),),
        "tests/operations/test_alerts.py::test_two_processes_tell_it_once",
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
        "a guest's draft outlives their erasure",
        (("checkout/erasing.py", "drafted = self._end_drafts_of(session, order, done)", "drafted = set()"),),
        "tests/operations/test_privacy.py::test_a_person_is_taken_out_and_the_figures_stay",
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
        "a refund made in the dashboard is counted whenever somebody tells of it",
        (
            ("payments/reversing.py", "        if session.scalar(known):\n            return None\n", ""),
            ("payments/reversing.py", "ref=seen.ref, payment_id=payment.id,\n            refund_id", (
                "ref=new_id(), payment_id=payment.id,\n            refund_id"
            )),
        ),
        "tests/race/test_reversals.py::test_a_partial_dashboard_refund_leaves_the_rest_owed[twice]",
    ),
    Mutant(
        "the provider's lists of refunds and disputes are not read",
        (
            ("payments/reconciling.py", "for stream in Stream:", "for stream in (Stream.PAYMENTS,):"),
            ("payments/reconciling.py", "back_minor > known.returned:", "back_minor < 0:"),
        ),
        "tests/race/test_reversals.py::test_a_dashboard_refund_before_the_delivery_ends_the_making[never]",
    ),
    Mutant(
        "a refund's amount is not derived anew before each try",
        (("payments/refunding.py", "amount = self._left(refund.id)", "amount = refund.amount_minor"),),
        "tests/race/test_reversals.py"
        "::test_a_dashboard_refund_during_our_own_never_gives_back_more_than_there_was[part]",
    ),
    Mutant(
        "a dispute holds nothing up",
        (("orders/reversals.py", "return sum(self._disputed(session, owed) for owed in self._locked(", (
            "return sum(owed is None for owed in self._locked("
        )),),
        "tests/race/test_reversals.py::test_a_dispute_before_the_delivery_that_is_won_only_takes_time[twice]",
    ),
    Mutant(
        "a deadline runs on while the bank looks into it",
        (("orders/reversals.py", "deadline = owed.deadline_at + (now - (owed.disputed_at or now))", (
            "deadline = owed.deadline_at"
        )),),
        "tests/race/test_reversals.py::test_a_dispute_before_the_delivery_that_is_won_only_takes_time[twice]",
    ),
    Mutant(
        "money of no order is kept",
        (("payments/surplus.py", "if seen.state != PaymentState.PAID or seen.captured_minor == 0:", "if seen:"),),
        "tests/race/test_reconciling.py"
        "::test_money_of_no_order_waits_for_an_operator_who_may_release_it_at_once",
    ),
    Mutant(
        "nobody asks whether the provider has what we call paid",
        (("payments/reconciling.py", "    if seen.state != PaymentState.PAID:\n        return f", (
            "    if not seen.state:\n        return f"
        )), ("payments/reconciling.py", "    if ours != theirs:", "    if not ours:")),
        "tests/race/test_reconciling.py"
        "::test_an_order_that_we_call_paid_and_the_provider_does_not_is_reported_and_not_changed",
    ),
    Mutant(
        "parts of a unit's money are not added up",
        (
            ("orders/obligations.py", "owed.allocated_minor - owed.returned_minor - int(promised or 0)", (
                "owed.allocated_minor - owed.returned_minor"
            )),
        ),
        "tests/race/test_reconciling.py"
        "::test_parts_asked_for_from_two_places_never_add_up_to_more_than_was_paid",
    ),
    Mutant(
        "the gate of a product is not looked at when it is made",
        (("fulfillment/targets.py", "products.working(line.product_id)", "products.get(line.product_id)"),),
        "tests/health/test_plugins.py",
    ),
    Mutant(
        "a table that is gone is any error of the database",
        (("kernel/database.py", 'event.listen(self.engine, "handle_error", name_what_is_missing)', "pass"),),
        "tests/health/test_core_tables.py",
    ),
    Mutant(
        "a plug-in may put its models on the core's base",
        (("kernel/database.py", "            raise CoreTablesOnly(", "            str("),),
        "tests/health/test_plugins.py::"
        "test_a_plug_in_on_the_cores_own_base_is_refused_before_it_can_break_a_core_model",
    ),
    Mutant(
        "a migration that fails leaves half of itself behind",
        (("migrations/env.py", "transactional_ddl=True", "transactional_ddl=False"),),
        "tests/health/test_schema.py::test_a_migration_that_fails_leaves_nothing_of_itself_nor_of_those_before_it",
    ),
    Mutant(
        "references forbid making a filled table anew",
        (("migrations/env.py", "PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON"),),
        "tests/health/test_schema.py::test_a_filled_table_that_others_refer_to_is_changed_without_losing_anything",
    ),
    Mutant(
        "any folder is taken for the store of objects",
        (("storage/objects.py", "        if not (self.root / MARK).exists():", "        if False:"),),
        "tests/health/test_doctor.py",
    ),
    Mutant(
        "secrets are not taken out by value",
        (("proof/redaction.py", "for writing in self._writings:", "for writing in ():"),),
        "tests/health/test_bundle.py",
    ),
    Mutant(
        "secrets are not taken out by the look of things",
        (("proof/redaction.py", "for pattern, instead in PATTERNS:", "for pattern, instead in ():"),),
        "tests/health/test_bundle.py",
    ),
    Mutant(
        "what a customer wrote is shown where it stands",
        (("proof/written.py", "return value if is_said else _hidden(value, name)", "return value"),),
        "tests/health/test_bundle.py",
    ),
    Mutant(
        "a short word of a customer's is not taken out of what others say",
        (("proof/redaction.py", "known |= dict.fromkeys(", "known |= {} if whole else dict.fromkeys("),),
        "tests/health/test_bundle.py",
    ),
    Mutant(
        "look-ups are counted only where there is such an order",
        (
            (
                "web/lookup.py",
                "shop.limits.take(session, (LOOKUPS_PER_PAIR, pair), (LOOKUPS_PER_ADDRESS, address))",
                "find(session, number) and shop.limits.take(session, (LOOKUPS_PER_PAIR, pair))",
            ),
        ),
        "tests/accounts/test_look_up.py",
    ),
    Mutant(
        "fonts are looked at once",
        (("products/posters/layout/fonts.py", "return tuple(stamp(path) for path in sorted(found))", "return ()"),),
        "tests/acceptance/test_missing_font.py",
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
]  # fmt: skip


def is_red(mutant: Mutant, folder: Path) -> bool:
    """Whether the mutant's test fails on a copy of the source that lacks the protection."""
    copy = folder / "src"
    shutil.copytree(SOURCE, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name, present, instead in mutant.changes:
        path = copy / "makegood" / name
        text = path.read_text()
        if present not in text:
            raise SystemExit(f"{mutant.name}: {name} has no {present!r} any more")
        path.write_text(text.replace(present, instead))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test]
    env = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    (folder / "log").write_text(done.stdout + done.stderr)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{mutant.name}: the test was not run to its end: {done.stdout[-500:]}")
    return done.returncode == 1


def main() -> int:
    """Try all, or those whose name contains an argument; 1 if one of them stayed green. `--check` only looks whether
    what each takes away still stands in the source."""
    if sys.argv[1:] == ["--check"]:
        stale = [
            m.name for m in MUTANTS if any(old not in (SOURCE / "makegood" / f).read_text() for f, old, _ in m.changes)
        ]
        print("".join(f"what this takes away is not there: {name}\n" for name in stale) or "mutants: up to date")
        return 1 if stale else 0
    wanted = [m for m in MUTANTS if len(sys.argv) < 2 or any(word in m.name for word in sys.argv[1:])]
    green = []
    for mutant in wanted:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            red = is_red(mutant, Path(folder))
        print(f"{'red  ' if red else 'GREEN'}  {time.monotonic() - begun:5.1f} s  {mutant.name}", flush=True)
        green += [] if red else [mutant]
    print(f"{len(wanted) - len(green)} passed, {len(green)} failed")
    return 1 if green else 0


if __name__ == "__main__":
    sys.exit(main())
