"""Protections of drafts, prices and orders that are placed."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = [
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
        "what nobody pays for keeps its use of a promotion",
        (("payments/settling.py", "            if row.promotion:\n", "            if False:\n"),),
        "tests/acceptance/test_another_checkout.py::test_who_does_not_pay_uses_no_promotion_up_and_who_pays_late_does",
    ),
    Mutant(
        "what is paid after it was closed uses no promotion",
        (("payments/settling.py", "if order.promotion and order.closed_at is not None:", "if False:"),),
        "tests/acceptance/test_another_checkout.py::test_who_does_not_pay_uses_no_promotion_up_and_who_pays_late_does",
    ),
    Mutant(
        "what an expired draft's files were called stays",
        (("checkout/drafts.py", "                assets.forget_names(session, held)\n", ""),),
        "tests/operations/test_privacy.py::test_an_expired_draft_says_nothing_any_more",
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
            ("catalog/promotions.py", "        or (promotion.uses_left == 0 and not holds_use)\n", ""),
            ("catalog/promotions.py", "Promotion.code == promotion.code, Promotion.uses_left > 0", "False"),
            ("catalog/promotions.py", "if used.rowcount != 1:", "if False:"),
        ),
        "tests/race/test_money.py::test_the_last_use_of_a_promotion_is_used_by_one_order",
    ),
    Mutant(
        "orders take no hold on their inputs",
        (
            ("checkout/ordering.py", "_asset_ids(draft), HoldKind.ORDER", "(), HoldKind.ORDER"),
            ("payments/settling.py", "or not wanted <= held", "or not wanted >= held"),
        ),
        "tests/race/test_retention.py",
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
        "a guest's draft outlives their erasure",
        (("checkout/erasing.py", "drafted = self._end_drafts_of(session, order, done)", "drafted = set()"),),
        "tests/operations/test_privacy.py::test_a_person_is_taken_out_and_the_figures_stay",
    ),
    Mutant(
        "a mail to another address than the erased person's stays",
        (
            ("checkout/erasing.py", "Mail.order_id == order.id)", "Mail.order_id == order.id, Mail.to == email)"),
            ("checkout/erasing.py", "_without(event.data, email, order.email)", "_without(event.data, email)"),
        ),
        "tests/operations/test_privacy.py::test_who_ordered_for_another_address_takes_it_out_with_themselves",
    ),
    Mutant(
        "an expired draft keeps what was chosen",
        (
            (
                "checkout/drafts.py",
                "                draft.options, draft.version = {}, 0\n",
                "                draft.version = 0\n",
            ),
        ),
        "tests/operations/test_privacy.py::test_an_expired_draft_says_nothing_any_more",
    ),
    Mutant(
        "the jobs of an erased person's drafts keep what they were made from",
        (("fulfillment/jobs.py", "job.options, job.inputs, job.error_text = {}, [], None", "pass"),),
        "tests/operations/test_privacy.py::test_an_expired_draft_and_what_was_made_of_it_go_with_their_owner",
    ),
    Mutant(
        "erasing empties a job from which an order is still made",
        (("fulfillment/jobs.py", "Job.draft_id == draft_id, ~is_ordered)", "Job.draft_id == draft_id)"),),
        "tests/operations/test_privacy.py::test_what_an_order_is_still_made_from_stays_and_goes_with_it",
    ),
    Mutant(
        "a file that went before its owner keeps its name",
        (("checkout/erasing.py", "given = [file for line in order.lines for file in line.inputs]", "given = []"),),
        "tests/operations/test_privacy.py::test_a_file_that_went_earlier_keeps_no_name",
    ),
    Mutant(
        "an empty draft counts as erased again and again",
        (("checkout/erasing.py", "bool(draft.version or draft.options or held or emptied)", "1"),),
        "tests/operations/test_privacy.py::test_done_again_it_finds_no_draft",
    ),
]  # fmt: skip
