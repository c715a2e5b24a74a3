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
                "            self._settling.settle(payment_id)\n",
                ("            seen = self._providers[event.provider].retrieve(event.provider_ref)\n"
                "            import dataclasses\n"
                "            paid = dataclasses.replace(seen, state='paid', captured_minor=seen.amount_minor)\n"
                "            self._settling.apply(payment_id, paid)\n"),
            ),
        ),
        "tests/race/test_webhooks.py::test_a_signed_webhook_is_not_believed_about_the_payment_only_about_where_to_look",
    ),
    Mutant(
        "nobody polls unsettled payments",
        (("payments/sweep.py", "self._requests, self._unsettled,", "self._requests,"),),
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
            ("payments/refunding.py", "seen = provider.find_refund(refund.id)", "seen = None"),
            (ADAPTER, 'headers = {"Idempotency-Key": key} if key else {}', "headers = {}"),
        ),
        "tests/crash/test_kills.py::test_a_refund_survives_a_kill",
    ),
    Mutant(
        "one version of a draft may have many open orders",
        (
            ("checkout/ordering.py", " or self._open_order(session, draft)", ""),
            ("checkout/ordering.py", 'open_for=f"{draft.id}:{draft.version}"', "open_for=None"),
        ),
        "tests/race/test_money.py::test_the_same_submit_from_ten_places_is_one_order_and_one_charge",
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
            ("fulfillment/workflow.py", "self._workshop.objects.verify(asset.key, asset.sha256, asset.size)", "pass"),
        ),
        "tests/race/test_money.py::test_what_cant_be_made_is_refunded_at_its_deadline",
    ),
    Mutant(
        "orders take no hold on their inputs",
        (
            ("checkout/ordering.py", "_asset_ids(draft), HoldKind.ORDER", "(), HoldKind.ORDER"),
            ("payments/settling.py", "        if not wanted <= held:", "        if False:"),
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
        "nobody looks after the workers that died",
        (("engine/fleet.py", "        self._take_over(now)\n", ""),),
        "tests/fleet/test_fleet.py::test_what_a_killed_worker_held_is_taken_over_and_no_recorded_step_is_repeated",
    ),
    Mutant(
        "a worker that was taken for dead goes on",
        (("engine/fleet.py", "WorkerRow.dead.is_(False))\n                .values(seen_at", "sa.true())\n                .values(seen_at"),),
        "tests/fleet/test_fleet.py::test_a_worker_that_froze_is_fenced_and_comes_back_as_another",
    ),
    Mutant(
        "the gate of a product is not looked at when it is made",
        (("fulfillment/workflow.py", "_products.working(line.product_id)", "_products.get(line.product_id)"),),
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
        "fonts are looked at once",
        (("products/posters/layout/fonts.py", "return tuple(stamp(path) for path in sorted(found))", "return ()"),),
        "tests/acceptance/test_missing_font.py",
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
    return done.returncode == 1


def main() -> int:
    """Try all, or those whose name contains an argument; 1 if one of them stayed green."""
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
