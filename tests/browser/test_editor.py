"""The editor when things do not go smoothly: bad files, no microphone, a slow line, too many words, no mouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import walking
from tests.shops import Shop

pytestmark = pytest.mark.browser

NO_MICROPHONE = """navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException('denied', 'NotAllowedError');
};"""
WIDE_WORD = "W" * 80


@pytest.fixture
def screen() -> str:
    return "desktop"


def kept_by_the_shop(page: Page) -> dict[str, Any]:
    """The draft's options as the shop has them."""
    draft_id = page.url.rsplit("/", 1)[-1]
    answer = page.request.get(f"{page.url.split('/posters/')[0]}/api/v1/drafts/{draft_id}")
    return dict(answer.json()["options"])


def open_draft(page: Page, shop: Shop, files: dict[str, Path], **options: Any) -> None:
    """The editor of a draft that has both files."""
    customer = shop.customer()
    draft = customer.draft(files, **options)
    walking.become(page, customer)
    page.goto(f"{shop.url}/posters/{draft}")
    page.locator("[data-ready]").wait_for(timeout=walking.WAIT)
    walking.preview_of(page)


def test_a_reload_keeps_everything(page: Page, shop: Shop, poster_files: dict[str, Path]) -> None:
    open_draft(page, shop, poster_files)
    page.get_by_role("textbox", name="Title").fill("Keep me")
    page.locator("label.template-card", has_text="Arch").click()
    page.locator("label.chip", has_text="Landscape").click()
    expect(page.get_by_alt_text("Preview of your poster “Keep me”, A4, landscape").first).to_be_visible(
        timeout=walking.WAIT
    )
    page.reload()
    page.locator("[data-ready]").wait_for(timeout=walking.WAIT)
    expect(page.get_by_role("textbox", name="Title")).to_have_value("Keep me")
    expect(page.get_by_role("radio", name="Arch").first).to_be_checked()
    expect(page.get_by_role("radio", name="Landscape")).to_be_checked()
    expect(page.locator("[data-drop=photo] [data-done-name]")).to_have_text(poster_files["photo"].name)


def test_a_file_that_is_no_photo_is_refused_where_it_was_given_and_the_photo_before_stays(
    page: Page, shop: Shop, poster_files: dict[str, Path], tmp_path: Path
) -> None:
    open_draft(page, shop, poster_files)
    fake = tmp_path / "holiday.jpg"
    fake.write_text("This is a letter, not a picture.", encoding="utf-8")
    page.locator("[data-drop=photo] [data-drop-done] [data-file-input]").set_input_files(fake)
    refusal = page.locator("[data-drop=photo]").get_by_role("alert")
    expect(refusal).to_contain_text("is a text file", timeout=walking.WAIT)
    expect(page.locator("[data-drop=photo] [data-done-name]")).to_have_text(poster_files["photo"].name)


def test_a_file_that_is_too_big_is_refused_before_it_is_sent(page: Page, shop: Shop, tmp_path: Path) -> None:
    walking.begin(page, shop)
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate((50 << 20) + 1)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    walking.give(page, "photo", huge)
    expect(page.locator("[data-drop=photo]").get_by_role("alert")).to_contain_text("We take up to 52 MB")
    assert sent == []


def test_an_upload_can_be_stopped_and_tried_again_after_the_line_broke(
    page: Page, shop: Shop, poster_files: dict[str, Path]
) -> None:
    walking.begin(page, shop)
    page.route("**/files/photo?*", lambda route: route.abort())
    walking.give(page, "photo", poster_files["photo"])
    drop = page.locator("[data-drop=photo]")
    expect(drop.get_by_role("alert")).to_contain_text("We can't reach the shop")
    page.unroute("**/files/photo?*")
    drop.get_by_role("button", name="Try again").click()
    expect(drop).to_have_attribute("data-state", "given", timeout=walking.WAIT)
    page.route("**/files/photo?*", lambda route: None)
    drop.locator("[data-drop-done] [data-file-input]").set_input_files(poster_files["photo"])
    drop.get_by_role("button", name="Stop").click()
    expect(drop).to_have_attribute("data-state", "given")


def test_without_a_microphone_one_is_told_what_to_do(page: Page, shop: Shop) -> None:
    page.add_init_script(NO_MICROPHONE)
    walking.begin(page, shop)
    page.get_by_role("button", name="Record it here").click()
    expect(page.get_by_text("Allow it in the address bar")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("[data-drop=sound] [data-drop-empty]")).to_be_visible()


def test_a_slow_answer_never_overwrites_newer_words(page: Page, shop: Shop, poster_files: dict[str, Path]) -> None:
    open_draft(page, shop, poster_files)
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if route.request.method == "PATCH" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/v1/drafts/*", hold_the_first)
    with page.expect_request(lambda request: request.method == "PATCH"):
        page.get_by_role("textbox", name="Title").fill("Older")
    page.get_by_role("textbox", name="Title").fill("Newer")
    page.get_by_role("textbox", name="Caption").fill("And a caption")
    page.wait_for_timeout(400)
    held[0].continue_()
    expect(page.get_by_alt_text("Preview of your poster “Newer”, A4, portrait").first).to_be_visible(
        timeout=walking.WAIT
    )
    expect(page.get_by_role("textbox", name="Title")).to_have_value("Newer")
    kept = kept_by_the_shop(page)
    assert (kept["title"], kept["caption"]) == ("Newer", "And a caption")


def test_changes_wait_for_the_line_to_come_back(page: Page, shop: Shop, poster_files: dict[str, Path]) -> None:
    open_draft(page, shop, poster_files)
    page.route("**/api/v1/drafts/*", lambda route: route.abort())
    page.get_by_role("textbox", name="Title").fill("In the tunnel")
    expect(page.get_by_text("We can't reach the shop")).to_be_visible()
    page.unroute("**/api/v1/drafts/*")
    expect(page.get_by_text("We can't reach the shop")).to_be_hidden(timeout=walking.WAIT)
    assert kept_by_the_shop(page)["title"] == "In the tunnel"


def test_words_that_do_not_fit_are_named_beside_their_field_and_can_not_be_bought(
    page: Page, shop: Shop, poster_files: dict[str, Path]
) -> None:
    open_draft(page, shop, poster_files)
    page.get_by_role("textbox", name="Title").fill(WIDE_WORD)
    expect(page.locator("#problem-title")).to_contain_text("too long", timeout=walking.WAIT)
    expect(page.get_by_role("textbox", name="Title")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("link", name="Continue").click()
    expect(page.locator("[data-till-hint]")).to_contain_text("too long")
    page.get_by_role("textbox", name="Title").fill("Short")
    expect(page.locator("#problem-title")).to_be_empty(timeout=walking.WAIT)
    walking.preview_of(page)


def test_a_photo_too_small_for_the_page_is_told_before_it_is_bought(
    page: Page, shop: Shop, poster_files: dict[str, Path]
) -> None:
    open_draft(page, shop, poster_files)
    warning = page.locator("#step-look [data-advice]")
    expect(warning).to_contain_text("dots per inch", timeout=walking.WAIT)
    before = warning.inner_text()
    page.get_by_role("combobox", name="Page").select_option("24x36in")
    expect(warning).not_to_have_text(before, timeout=walking.WAIT)
    expect(page.get_by_role("link", name="Continue")).to_be_enabled()


def test_continue_names_what_is_missing_and_leads_there(page: Page, shop: Shop) -> None:
    walking.begin(page, shop)
    page.get_by_role("link", name="Continue").click()
    expect(page.locator("[data-till-hint]")).to_contain_text("Still missing: a photo and a sound")
    expect(page.locator("#step-photo")).to_be_focused()


def test_a_template_takes_along_only_what_it_offers(page: Page, shop: Shop, poster_files: dict[str, Path]) -> None:
    open_draft(page, shop, poster_files, template="framed", wave="circular")
    expect(page.get_by_role("radio", name="Around the photo")).to_be_checked()
    offered = page.request.get(f"{shop.url}/api/v1/posters/offer").json()["templates"]
    other = next(each for each in offered if "circular" not in each["waves"])
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.locator("label.template-card", has_text=other["description"]).click()
    expect(page.get_by_role("radio", name="Around the photo")).to_have_count(0)
    walking.preview_of(page)
    expect(page.locator("[data-proof-problem]")).to_be_empty()
    assert kept_by_the_shop(page)["wave"] is None


def test_somebody_elses_draft_is_not_shown(page: Page, shop: Shop, poster_files: dict[str, Path]) -> None:
    theirs = shop.customer().draft(poster_files)
    answer = page.goto(f"{shop.url}/posters/{theirs}")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()


def test_the_whole_way_to_the_payment_works_without_a_mouse(
    page: Page, shop: Shop, poster_files: dict[str, Path]
) -> None:
    page.goto(f"{shop.url}/posters")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_role("button", name="Make yours").focus()
    page.keyboard.press("Enter")
    page.locator("[data-ready]").wait_for(timeout=walking.WAIT)
    tab_to(page, "[data-drop=photo] [data-file-input]")
    walking.give_photo(page, poster_files["photo"])
    tab_to(page, "[data-focus-point]")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("[data-focus-say]")).to_contain_text("percent from the left")
    tab_to(page, "[data-drop=sound] [data-file-input]")
    walking.give_sound(page, poster_files["sound"])
    tab_to(page, '[data-trim-handle="end"]')
    page.keyboard.press("ArrowLeft")
    tab_to(page, "input[name=template]")
    page.keyboard.press("ArrowRight")
    tab_to(page, '[data-option="title"]')
    page.keyboard.type("No mouse")
    tab_to(page, "[data-continue]")
    expect(page.get_by_alt_text("Preview of your poster “No mouse”, A4, portrait").first).to_be_visible(
        timeout=walking.WAIT
    )
    options = kept_by_the_shop(page)
    assert options["focus_x"] is not None
    assert options["clip_end"] is not None
    assert options["template"] != "framed"
    page.keyboard.press("Enter")
    page.wait_for_url("**/checkout/**", timeout=walking.WAIT)
    tab_to(page, "#email")
    page.keyboard.type("emma@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pay/**", timeout=walking.WAIT)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has focus, and insist that nothing covers it."""
    target = page.locator(selector).first
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {selector}")
