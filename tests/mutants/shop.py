"""Protections of everything around it: health, bundle, sign-in, uploads, storage, mail."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "mails wait in the same queue as payments",
        (("notify/mails.py", 'QUEUE = "mail"', 'QUEUE = "quick"'),),
        "tests/race/test_slow_outsiders.py",
    ),
    Mutant(
        "a damaged object keeps the sound one out",
        (("storage/objects.py", 'obstore.put(self._store, key, source, mode="overwrite")',
          "raise ObjectConflict(key=key)"),),
        "tests/crash/test_damaged_objects.py::test_what_is_damaged_before_its_delivery_is_made_again",
    ),
    Mutant(
        "what a disk can't read counts as out of reach",
        (("storage/objects.py", "if error.errno in BAD_DISK:", "if False:"),),
        "tests/crash/test_damaged_objects.py::"
        "test_what_is_damaged_after_its_delivery_is_made_again_when_it_is_delivered_again",
    ),
    Mutant(
        "a file that was cut short is handed out",
        (("fulfillment/downloads.py", "self._objects.path(asset.key, asset.size)", "self._objects.path(asset.key)"),),
        "tests/crash/test_damaged_objects.py::test_whoever_fetches_a_file_that_was_cut_short_has_it_made_again",
    ),
    Mutant(
        "who starts takes everybody for dead",
        (("storage/scratch.py", "        if _take(held):\n", "        if True:\n"),),
        "tests/race/test_scratch.py",
    ),
    Mutant(
        "an upload doesn't look at the disk on its way",
        (("web/uploads.py", "            if received - looked_at >= STRETCH:", "            if False:"),),
        "tests/acceptance/test_hostile_uploads.py::test_an_upload_that_meets_the_floor_on_its_way_ends_there",
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
        "whatever has a name in it overtakes an operator's act",
        (
            (
                "console/acting.py",
                'AuditEvent.event.startswith("operator."), AuditEvent.event != "operator.opened_file"',
                'AuditEvent.data["by"].as_string().contains("@")',
            ),
        ),
        "tests/console/test_acts.py::test_what_a_worker_ends_and_a_file_that_is_read_overtake_nobody",
    ),
    Mutant(
        "a mail server's answer counts as an actor",
        (
            ("console/audit_log.py", "sa.and_(AuditEvent.event != BY_A_SERVER, ", "sa.and_("),
            ("console/audit_log.py", '"" if event.event == BY_A_SERVER else ', ""),
        ),
        "tests/console/test_acts.py::test_what_a_mail_server_answers_is_nobodys_act",
    ),
    Mutant(
        "tries at the same moment pass a limit together",
        (("kernel/database.py", "session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))", "pass"),),
        "tests/race/test_limits.py",
    ),
    Mutant(
        "tries at the same moment wait for each other",
        (
            ("kernel/database.py", "numbers = {int.from", "numbers = [int.from"),
            ("kernel/database.py", "[:8], signed=True) for name in names}", "[:8], signed=True) for name in names]"),
            ("kernel/database.py", "for number in sorted(numbers):", "for number in numbers:"),
        ),
        "tests/race/test_limits.py",
    ),
    Mutant(
        "fonts are looked at once",
        (("products/posters/layout/fonts.py", "return tuple(stamp(path) for path in sorted(found))", "return ()"),),
        "tests/acceptance/test_missing_font.py",
    ),
    Mutant(
        "a disabled operator who is asked back has the old password",
        (("accounts/operators.py", "self._forget_secrets(session, operator)", "pass"),),
        "tests/console/test_second_factor.py::test_a_disabled_operator_who_is_asked_back_comes_in_by_the_new_link_alone",
    ),
]  # fmt: skip
