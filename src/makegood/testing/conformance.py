"""The conformance kit: whether a product keeps what the platform counts on.

@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_the_contract(check): run(check, product, Example({"text": "hello"}))
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from makegood.product_api import Check, NoPreview, PriceLine, Product
from makegood.testing.bench import Example, Made, Workbench

RUBBISH = b"This is not what was ordered.\n"


class Conformance:
    """The checks, on one workbench. Each raises an `AssertionError` that says what the platform can't count on."""

    def __init__(self, bench: Workbench) -> None:
        self.bench, self.product, self._runs = bench, bench.product, list[Made]()

    @property
    def made(self) -> Made:
        """The first run of `make`, shared by the checks."""
        return self._run(1)

    @property
    def again(self) -> Made:
        """A second attempt, from the beginning."""
        return self._run(2)

    def _run(self, attempt: int) -> Made:
        while len(self._runs) < attempt:
            self._runs.append(self.bench.make(attempt=len(self._runs) + 1))
        return self._runs[attempt - 1]

    def says_who_it_is(self) -> None:
        """A permanent id, an address of its own, a name, and one line for each thing it sells."""
        manifest = self.product.manifest
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,40}", manifest.id), f"{manifest.id!r} is no id"
        assert manifest.route_prefix.startswith("/"), "the route prefix begins with a slash"
        line = self.product.describe(self.bench.options)
        assert line.strip() and "\n" not in line, f"{line!r} is not one line"
        assert self.product.most_units >= 1, "at least one can be ordered"
        assert self.product.chunk >= 1, "a chunk has at least one unit"

    def options_survive_json(self) -> None:
        """Options are frozen as JSON with the order; an unknown one is refused and not passed over."""
        model, options = self.product.options, self.bench.options
        again = model.model_validate(json.loads(json.dumps(options.model_dump(mode="json"))))
        assert again == options, f"{options!r} becomes {again!r}"
        json.dumps(model.model_json_schema())
        try:
            model.model_validate({**options.model_dump(mode="json"), "no-such-option": 1})
        except ValueError:
            return
        raise AssertionError("an option that doesn't exist is accepted: set extra='forbid'")

    def price_is_pure(self) -> None:
        """The same price each time, also for options that were kept as JSON; whole minor units, none negative."""
        facts = {slot: dict(file.facts) for slot, file in self.bench.inputs.items()}
        before = self.bench.options.model_dump_json(), json.dumps(facts, default=str)
        kept = self.product.options.model_validate_json(self.bench.options.model_dump_json())
        prices = [
            list(self.product.price(options, facts)) for options in (self.bench.options, kept, self.bench.options)
        ]
        assert prices[0] == prices[1] == prices[2], f"three prices for one thing: {prices}"
        assert prices[0], "a price has at least one line"
        assert all(isinstance(p, PriceLine) and type(p.unit_minor) is int and p.unit_minor >= 0 for p in prices[0])
        assert before == (self.bench.options.model_dump_json(), json.dumps(facts, default=str)), "it changes its input"

    def checks_are_done(self) -> None:
        """What the product needs is looked at, is there, and comes with advice where it isn't."""
        for check in self.product.checks():
            assert isinstance(check, Check) and check.name, f"{check!r} is no check"
            assert not check.problem, f"{check.name}: {check.problem} {check.mend}"
        with self.bench.work() as work:
            self.product.check(work, self.bench.draft())

    def previews_give_nothing_away(self) -> None:
        """A preview is not the thing, and carries none of the codes that the thing will."""
        try:
            with self.bench.work() as work:
                preview = self.product.preview(work, self.bench.draft())
        except NoPreview:
            return
        for artefact in self.made.artefacts:
            whole = self.bench.objects.path(artefact.key).read_bytes()
            assert whole not in preview.data, f"the preview has the whole of {artefact.name} in it"
        for purpose, code in self.bench.unit().codes.items():
            assert code.encode() not in preview.data, f"the preview carries the code {purpose}"

    def same_unit_same_bytes(self) -> None:
        """Made again, for another attempt and from the beginning, it is the same."""
        one, two = self.made.bytes_by_name, self.again.bytes_by_name
        assert one == two, f"{one} and {two}"
        assert self.made.artefacts, "nothing is made"
        assert len(self.made.bytes_by_name) == len(self.made.artefacts), "two artefacts have one name"

    def steps_are_named_and_labelled(self) -> None:
        """Steps have the same names each time, and each is told to who waits, in its order."""
        prefix = f"{self.product.manifest.id}."
        names = [name.removeprefix(prefix) for name, _ in self.made.steps]
        again = [name.removeprefix(prefix) for name, _ in self.again.steps]
        assert names == again, f"steps differ from run to run: {names} and {again}"
        assert list(dict.fromkeys(names)) == list(self.product.step_labels), (
            f"steps are {names}, labels are for {list(self.product.step_labels)}"
        )
        assert all(label.strip() for label in self.product.step_labels.values())

    def goes_on_after_each_step(self) -> None:
        """Killed after any recorded step, another process makes the same from there."""
        for done in range(1, len(self.made.steps) + 1):
            resumed = self.bench.make(known=self.made.steps[:done])
            assert resumed.artefacts == self.made.artefacts, f"after {done} recorded steps it makes something else"

    def verify_accepts_what_was_made(self) -> None:
        """What make makes, verify accepts."""
        self.bench.verify(self.made.artefacts)

    def verify_refuses_damage(self) -> None:
        """Rubbish, and a part of the real thing, are refused in place of each file that the customer gets."""
        for position, artefact in enumerate(self.made.artefacts):
            if artefact.facts.get("shown") is False:
                continue
            whole = self.bench.objects.path(artefact.key).read_bytes()
            for kind, data in (("rubbish", RUBBISH), ("half of it", whole[: len(whole) // 2]), ("nothing", b"")):
                given = list(self.made.artefacts)
                given[position] = self.bench.damaged(artefact, data)
                try:
                    self.bench.verify(given)
                except Exception:  # noqa: BLE001 - whatever it raises, it refuses
                    continue
                raise AssertionError(f"verify accepts {kind} in place of {artefact.name}")

    def pages_are_paths_that_codes_open(self) -> None:
        """The pages of a unit are paths of this shop, and lead there by one of its codes."""
        codes = self.bench.unit().codes
        for label, path in self.product.pages(codes).items():
            assert label.strip() and path.startswith("/"), f"{path!r} is no path"
            assert any(code in path for code in codes.values()), f"{path} opens with none of the codes"

    def commitments_have_an_end(self) -> None:
        """What stays owed lasts a while, each kind once."""
        terms = list(self.product.commitments_for(self.bench.unit()))
        assert len({term.kind for term in terms}) == len(terms), "one kind is promised twice"
        for term in terms:
            assert term.lasts.total_seconds() > 0, f"{term.kind} lasts no time"
            assert term.grace.total_seconds() >= 0 and term.limit.total_seconds() > 0

    def discard_leaves_the_winner_alone(self) -> None:
        """Of two that have something outside, the discarded one is undone (twice is no error); the other one stays."""
        made = self.made.artefacts
        if not self.bench.references("obligation-1"):
            with self.bench.outside(self.bench.unit(), "obligation-1", {}) as ctx:
                self.product.discard(ctx)
            self.bench.verify(made)
            return
        self.bench.make(obligation="obligation-loser")
        winner = self.bench.make(obligation="obligation-winner")
        unit = self.bench.unit(artefacts=winner.artefacts, references=self.bench.references("obligation-winner"))
        for _ in range(2):
            references = self.bench.references("obligation-loser")
            with self.bench.outside(self.bench.unit("unit-2"), "obligation-loser", references) as ctx:
                self.product.discard(ctx)
        self.bench.verify(winner.artefacts, obligation="obligation-winner")
        with self.bench.outside(unit, "obligation-winner", unit.references) as ctx:
            problem = self.product.probe(ctx)
        assert problem is None, f"the winner's probe says: {problem}"
        if references:
            lost = replace(unit, references=references)
            with self.bench.outside(lost, "obligation-loser", references) as ctx:
                assert self.product.probe(ctx), "what was discarded is still there"


CHECKS: tuple[str, ...] = tuple(
    name for name in vars(Conformance) if not name.startswith("_") and name not in ("made", "again")
)
"""The names of all checks, for `pytest.mark.parametrize`."""


def run(check: str, product: Product, example: Example) -> None:
    """One check of one product."""
    with Workbench(product, example) as bench:
        getattr(Conformance(bench), check)()


def problems(product: Product, example: Example) -> dict[str, str]:
    """What the platform can't count on, by check: empty when the product conforms. Makes what can be shared once."""
    found = {}
    with Workbench(product, example) as bench:
        kit = Conformance(bench)
        for name in CHECKS:
            try:
                getattr(kit, name)()
            except Exception as error:  # noqa: BLE001 - told to who asked
                found[name] = f"{type(error).__name__}: {error}"
    return found
