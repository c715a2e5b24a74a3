"""Protections of what is paid, given back and disputed."""

from __future__ import annotations

from tests.mutants.mutant import ADAPTER, Mutant

MUTANTS = [
    Mutant(
        "a refund that the bank sent back is only looked up",
        (
            (
                "payments/refunding.py",
                'also |= {"reference": asked_anew(refund.reference), "last_error": None}', "pass",
            ),
        ),
        "tests/console/test_acts.py::test_a_refund_that_the_bank_sent_back_is_asked_for_anew_when_an_operator_tries_again",
    ),
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
            ("payments/requesting.py", "seen = provider.find(payment.id)", "seen = None"),
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
        "a payment unlocks an order without locking its row",
        (("payments/settling.py", "order_id, with_for_update=True, options", "order_id, options"),),
        "tests/retention/test_at_the_same_moment.py::test_a_payment_that_comes_after_its_order_let_go_unlocks_nothing",
    ),
    Mutant(
        "the proof believes its first look at a provider",
        (("proof/evidence.py", "for seconds in self.patience:", "for seconds in ():"),),
        "tests/proof/test_money_clauses.py::test_money_that_moves_while_the_proof_asks_contradicts_nothing",
    ),
    Mutant(
        "the proof compares a provider's word with what our books said at its beginning",
        (
            ("proof/evidence.py", "list(look(session, thing)):", "list(look(self.session, thing)):"),
        ),
        "tests/proof/test_money_clauses.py::test_money_that_moves_while_the_proof_asks_contradicts_nothing",
    ),
    Mutant(
        "the proof excuses whatever a provider says",
        (("proof/evidence.py", "yield from problems", "yield from ()"),),
        "tests/proof/test_money_clauses.py::test_each_clause_finds_what_contradicts_it",
    ),
    Mutant(
        "what was derived from a file is no input",
        (("orders/models.py", ", **{f\"{self.slot}/{name}\": inner for name, inner in self.derived.items()}}", "}"),),
        "tests/proof/test_proof.py::test_what_was_derived_from_an_open_orders_files_is_an_input_too",
    ),
    Mutant(
        "a payment doesn't look whether what was derived is still held",
        (("payments/settling.py", "for asset_id in file.asset_ids.values()}", "for asset_id in [file.asset_id]}"),),
        "tests/retention/test_at_the_same_moment.py::"
        "test_a_payment_that_comes_after_what_was_derived_was_let_go_unlocks_nothing",
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
        "a payment that can't be booked ends the pass",
        (("payments/reconciling.py", "        except Exception as error:\n", "        except KeyError as error:\n"),),
        "tests/race/test_reconciling.py::test_a_payment_that_cant_be_booked_keeps_nobody_elses_from_being_found",
    ),
    Mutant(
        "a payment that the provider does not answer for ends the pass",
        (("payments/reconciling.py", "MOST_UNANSWERED = 3", "MOST_UNANSWERED = 0"),),
        "tests/race/test_reconciling.py"
        "::test_one_payment_that_is_not_answered_for_keeps_nobody_elses_from_being_found",
    ),
    Mutant(
        "what could not be booked is not looked at again",
        (("payments/reconciling.py", "            self._book_again(provider, listed, done)\n", "            pass\n"),),
        "tests/payments/test_odd_answers.py::test_what_another_pass_has_booked_does_not_stay_a_difference",
    ),
    Mutant(
        "money that is on its way back pays",
        (("payments/provider.py", "self.refunded_minor + self.returning_minor +", "self.refunded_minor +"),),
        "tests/crash/test_reversal_kills.py"
        "::test_a_backup_in_which_it_was_not_paid_yet_delivers_nothing_for_what_is_on_its_way_back",
    ),
    Mutant(
        "money for an erased order pays it",
        (("payments/settling.py", "if order.erased_at is not None or not wanted <= held:", "if not wanted <= held:"),),
        "tests/operations/test_restored_too_late.py::test_the_money_for_an_erased_order_goes_back_at_once",
    ),
    Mutant(
        "nobody is told of a list that can't be read",
        (("proof/conditions.py", "        ReconciliationBehind(providers, max(after, passes)),\n", ""),),
        "tests/race/test_reconciling.py::test_a_list_that_cant_be_read_is_told_of_and_keeps_nobody_from_the_others",
    ),
    Mutant(
        "a payment that can't be booked is forgotten",
        (("payments/differences.py", "for ref, problem in problems.items():", "for ref, problem in ():"),),
        "tests/operations/test_alerts.py::test_money_that_cant_be_booked_is_told_until_it_is",
    ),
    Mutant(
        "a difference is checked, then inserted",
        (("payments/differences.py", "            except IntegrityError:\n", "            except KeyError:\n"),),
        "tests/race/test_differences.py::test_a_difference_that_two_passes_meet_at_the_same_moment_is_kept_once",
    ),
    Mutant(
        "refunds of one line are told of one by one",
        (("payments/telling.py", "(session.scalar(quantity.where(*of_it)) or 1) > 1", "False"),),
        "tests/race/test_refund_notices.py"
        "::test_units_that_are_given_back_one_by_one_are_told_of_at_once_when_nothing_is_made_any_more",
    ),
    Mutant(
        "a refund is told of only when the rest of its line is done",
        (("payments/telling.py", " and not session.scalar(overdue.limit(1))", ""),),
        "tests/race/test_refund_notices.py::test_what_has_waited_for_an_hour_is_told_of_though_the_rest_is_still_made",
    ),
    Mutant(
        "a refund that a backup forgot leaves its unit sold",
        (("payments/reversing.py", "        if key == WHOLE:\n", "        if False:\n"),),
        "tests/crash/test_reversal_kills.py::test_a_backup_that_forgot_a_refund_that_is_still_under_way_delivers_nothing_for_it",
    ),
    Mutant(
        "a payment that its provider refuses is asked for for ever",
        (("payments/requesting.py", "if seen is None and payment.amount_minor > 0 and ", "if False and "),),
        "tests/acceptance/test_another_checkout.py::test_an_order_that_its_provider_never_takes_closes_when_its_time_is_up",
    ),
]  # fmt: skip
