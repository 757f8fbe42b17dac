"""Many clips on the page: found, chosen, named, run again, compared, shared, charted."""

from __future__ import annotations

import re

import pytest
from page_tools import DESKTOP, PHONE, card, check_axe, drop, expect, open_clip, viewer_at


def names(page) -> list[str]:
    return page.locator("#jobs .card-name").all_text_contents()


def test_clips_are_searched_and_sorted(open_page, fake):
    for name in ("walk.mp4", "beach run.mp4", "A run.mp4"):
        fake.add(name, "succeeded")
    page = open_page()
    expect(page.locator("#jobs .card")).to_have_count(3)
    page.get_by_role("searchbox", name="Search names").fill("run")
    expect(page.locator("#jobs .card")).to_have_count(2)
    assert names(page) == ["A run.mp4", "beach run.mp4"]
    page.get_by_role("searchbox", name="Search names").fill("nothing like that")
    expect(page.get_by_text("No clip with this name.")).to_be_visible()
    page.get_by_role("searchbox", name="Search names").fill("")
    expect(page.locator("#jobs .card")).to_have_count(3)
    page.get_by_label("Sort").select_option("By name")
    expect(page.locator("#jobs .card-name").first).to_have_text("A run.mp4")
    assert names(page) == ["A run.mp4", "beach run.mp4", "walk.mp4"]
    check_axe(page)


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_many_are_chosen_taken_away_and_deleted(open_page, fake, size, theme):
    jobs = [fake.add(f"clip{i}.mp4", "succeeded") for i in range(4)]
    page = open_page(size, theme)
    page.get_by_role("button", name="Select").click()
    page.get_by_label("Choose clip1.mp4").check()
    page.get_by_label("Choose clip2.mp4").check()
    bar = page.get_by_role("group", name="Chosen clips")
    expect(bar).to_contain_text("2 chosen")
    check_axe(page)
    with page.expect_download() as coming:
        bar.get_by_role("button", name="Download").click()
    assert coming.value.suggested_filename == "humantrack.zip"
    wanted = f"GET /api/files.zip?ids={jobs[2]['id']},{jobs[1]['id']}"
    assert wanted in fake.requests
    bar.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete 2 clips?")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#jobs .card")).to_have_count(2)
    assert list(fake.jobs) == [jobs[0]["id"], jobs[3]["id"]]
    bar.get_by_role("button", name="All shown").click()
    expect(bar).to_contain_text("2 chosen")
    page.get_by_role("button", name="Select").click()
    expect(bar).to_be_hidden()
    expect(page.get_by_label("Choose clip0.mp4")).to_be_hidden()


def test_two_are_compared_in_step(open_page, fake):
    for name in ("one.mp4", "two.mp4"):
        fake.add(name, "succeeded")
    page = open_page()
    page.get_by_role("button", name="Select").click()
    compare = page.get_by_role("button", name="Compare")
    page.get_by_label("Choose one.mp4").check()
    expect(compare).to_be_disabled()
    page.get_by_label("Choose two.mp4").check()
    compare.click()
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    sides = [page.get_by_role("region", name=n) for n in ("Left: two.mp4", "Right: one.mp4")]
    first, second = (side.locator(".viewer") for side in sides)
    for viewer in (first, second):
        expect(viewer).to_have_attribute("data-shown", "0")
    check_axe(page)
    sides[0].get_by_label("Place in the clip").fill("120")
    expect(second).to_have_attribute("data-shown", "120")
    page.keyboard.press("ArrowRight")
    for viewer in (first, second):
        expect(viewer).to_have_attribute("data-shown", "121")
    sides[1].get_by_label("Place in the clip").fill("30")
    for viewer in (first, second):
        expect(viewer).to_have_attribute("data-shown", "30")
    page.keyboard.press("b")
    for side in sides:
        kinds = side.get_by_role("button", name="Skeletons")
        expect(kinds).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Play", exact=True)).to_have_count(1)
    page.keyboard.press(" ")
    expect(second).to_have_attribute("data-shown", re.compile(r"^([4-9]\d|\d{3})$"))
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    row = first.get_attribute("data-row")
    expect(second).to_have_attribute("data-shown", row)


def test_a_clip_is_renamed(open_page, fake):
    job = fake.add("VID_2931.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    page.get_by_role("button", name="Rename…").click()
    field = page.get_by_label("Name", exact=True)
    expect(field).to_have_value("VID_2931.mp4")
    check_axe(page)
    field.fill("Anna läuft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Anna läuft")).to_be_visible()
    expect(card(page, "Anna läuft")).to_be_visible()
    assert job["name"] == "Anna läuft"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_clip_is_run_again_with_other_options_and_a_part(open_page, fake, size):
    job = fake.add("walk.mp4", "succeeded", overrides={"render.type": "SKELETON"})
    page = open_page(size, path=f"#/jobs/{job['id']}", allow="422")
    open_clip(page)
    expect(page.get_by_text("Drawn as: SKELETON")).to_be_visible()
    title = page.get_by_role("heading", name="walk.mp4").bounding_box()
    again = page.get_by_role("button", name="Run again…")
    button = again.bounding_box()  # what can be done takes no room from the name
    assert title["width"] > 60
    assert button["x"] > title["x"] + title["width"] or button["y"] > title["y"] + 20
    again.click()
    dialog = page.get_by_role("dialog", name="Run walk.mp4 again")
    expect(dialog.get_by_label("Drawn as")).to_have_value("SKELETON")
    expect(dialog.get_by_label("The clip has cuts")).to_contain_text("As usual: No")
    expect(dialog.locator(".range")).to_have_attribute("data-pictures", "10")
    expect(dialog).to_contain_text("0:00.00 to 0:08.00, 8.00 s of 8.00 s")
    check_axe(page)
    start, end = (dialog.get_by_role("slider", name=f"{n} of the part") for n in ("Start", "End"))
    start.fill("2")
    end.fill("5.5")
    expect(dialog.get_by_label("From", exact=True)).to_have_value("2")
    expect(dialog.get_by_label("To", exact=True)).to_have_value("5.5")
    end.focus()
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_label("To", exact=True)).to_have_value("5.49")
    start.fill("7")  # never behind the end
    expect(dialog.get_by_label("From", exact=True)).to_have_value("5.48")
    dialog.get_by_label("From", exact=True).fill("1m")
    dialog.get_by_label("From", exact=True).fill("0:01.5")
    expect(start).to_have_js_property("value", "1.5")
    dialog.get_by_label("From", exact=True).fill("soon")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog.get_by_text("start_time: not a time: 'soon'")).to_be_visible()
    expect(dialog.get_by_label("From", exact=True)).to_have_value("soon")
    dialog.get_by_label("From", exact=True).fill("1.5")
    dialog.get_by_label("Drawn as").select_option("HUMAN_MESH")
    dialog.get_by_role("button", name="Run").click()
    page.wait_for_url(lambda url: not url.endswith(job["id"]))
    expect(page.locator(".job-head .chip")).to_have_text("Done")
    new = list(fake.jobs.values())[-1]
    wanted = {"start_time": "1.5", "end_time": "5.49", "render.type": "HUMAN_MESH"}
    assert new["overrides"] == wanted
    assert page.url.endswith(new["id"])


def test_a_part_is_chosen_before_the_upload(open_page, fake, data):
    page = open_page()
    with page.expect_file_chooser() as coming:
        page.get_by_role("button", name="Choose one, and a part of it…").click()
    coming.value.set_files(data / "demo_small.mp4")
    dialog = page.get_by_role("dialog", name="Add demo_small.mp4")
    expect(dialog.locator(".range")).to_have_attribute("data-pictures", "10")
    dialog.get_by_role("slider", name="End of the part").fill("1")
    dialog.get_by_role("button", name="Add the clip").click()
    expect(card(page, "demo_small.mp4")).to_be_visible()
    (job,) = fake.jobs.values()
    assert job["overrides"] == {"end_time": "1"}


def test_options_that_were_wrong_are_corrected(open_page, fake, data):
    page = open_page(allow="422")
    page.get_by_text("Options for new clips").click()
    page.get_by_label("From").fill("soon")
    drop(page, data / "demo_small.mp4", "walk.mp4")
    upload = page.locator("#uploads .card")
    expect(upload).to_contain_text("start_time: not a time: 'soon'")
    expect(upload.get_by_role("button", name="Try the upload")).to_be_hidden()
    upload.get_by_role("button", name="Change the options of walk.mp4").click()
    dialog = page.get_by_role("dialog", name="Add walk.mp4")
    expect(dialog.get_by_role("alert")).to_contain_text("not a time")
    check_axe(page)
    dialog.get_by_label("From", exact=True).fill("0.5")
    dialog.get_by_role("button", name="Add the clip").click()
    expect(card(page, "walk.mp4")).to_be_visible()
    (job,) = fake.jobs.values()
    assert job["overrides"] == {"start_time": "0.5"}

    error = {"code": "ConfigError", "exit_code": 2, "detail": "end_frame: after the clip's end"}
    bad = fake.add("bad.mp4", "failed", error=error, overrides={"start_time": "soon"})
    page.goto(f"{fake.url}#/jobs/{bad['id']}")
    head = page.locator(".job-head")
    expect(head.get_by_role("button", name="Change options…")).to_be_visible()
    expect(head.get_by_role("button", name="Try again")).to_have_count(0)
    head.get_by_role("button", name="Change options…").click()
    dialog = page.get_by_role("dialog", name="Run bad.mp4 again")
    expect(dialog.get_by_role("alert")).to_contain_text("after the clip's end")
    page.get_by_role("button", name="Not now").click()
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_what_a_stopped_clip_had_done_is_shown_as_a_part(open_page, fake, state):
    fake.partial = True
    error = {"code": "StageError", "exit_code": 9, "detail": "frame 80"}
    job = fake.add("walk.mp4", state, frames=80, error=error if state == "failed" else None)
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    expect(page.get_by_text("about 80 frames of 240, not the whole clip")).to_be_visible()
    check_axe(page)


def test_a_link_shows_one_clip_and_nothing_to_change(open_page, fake):
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    page.get_by_role("button", name="Share…").click()
    link = page.get_by_label("Link", exact=True)
    expect(link).to_have_value(re.compile(r"#/shared/link-\w+$"))
    url = link.input_value()
    check_axe(page)
    visitor = open_page(path=url.removeprefix(fake.url), allow="404")
    asked = []
    visitor.on("request", lambda request: asked.append(request.url))
    visitor.reload()
    open_clip(visitor)
    expect(visitor.get_by_role("heading", name="walk.mp4")).to_be_visible()
    expect(visitor.locator(".side")).to_be_hidden()
    expect(visitor.locator(".job-head").get_by_role("button")).to_have_count(0)
    link = url.rpartition("/")[2]
    routes = {u.partition("/api/")[2] for u in asked if "/api/" in u}
    assert {r for r in routes if not r.startswith(f"jobs/{link}")} == {"body.glb"}
    visitor.get_by_label("Place in the clip").fill("100")
    viewer_at(visitor, 100)
    check_axe(visitor)
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert fake.links == {}
    visitor.reload()
    expect(visitor.get_by_text("This link does not lead anywhere any more")).to_be_visible()


def test_everything_and_every_bvh_come_as_zips(open_page, fake):
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(path=f"#/jobs/{job['id']}")
    open_clip(page)
    for name in (
        "Everything as one zip",
        "Every person's BVH",
        "Every person's .trc file as a zip",
    ):
        with page.expect_download():
            page.get_by_role("link", name=name, exact=True).click()
    asked = [r.partition("files.zip")[2] for r in fake.requests if "files.zip" in r]
    assert asked == ["", "?format=bvh", "?format=trc"]


@pytest.mark.parametrize(
    ("size", "theme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light")]
)
def test_the_chosen_person_is_charted_in_step(open_page, fake, size, theme):
    job = fake.add("walk.mp4", "succeeded")
    page = open_page(size, theme, path=f"#/jobs/{job['id']}")
    open_clip(page)
    charts = page.get_by_role("region", name="Charts")
    expect(charts).to_be_hidden()
    page.keyboard.press("3")
    expect(charts.locator(".chart")).to_have_count(6)
    for title in ("Knee flexion", "Hip flexion", "Elbow flexion", "Trunk", "Speed", "Height"):
        expect(charts.get_by_role("img", name=re.compile(f"^{title}"))).to_be_visible()
    check_axe(page)
    page.get_by_label("Place in the clip").fill("120")
    viewer_at(page, 120)
    head = charts.locator(".playhead").first
    assert head.evaluate("e => parseFloat(e.style.left)") == pytest.approx(50, abs=0.5)
    now = charts.locator(".chart").first.locator("b").first
    at_120 = now.text_content()
    assert re.fullmatch(r"-?\d+ °", at_120)
    assert at_120 != "-0 °"
    plot = charts.locator(".plot").first
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] * 0.25, "y": 20})
    viewer_at(page, 60)
    with page.expect_download() as coming:
        charts.get_by_role("link", name="All of it as CSV").click()
    assert coming.value.suggested_filename == "charts_track3.csv"
    page.keyboard.press("4")
    page.get_by_label("Place in the clip").fill("50")
    expect(charts.get_by_role("heading")).to_have_text("Person 4 over time")
    expect(now).to_have_text("–")  # not there yet
    page.keyboard.press("0")
    expect(charts).to_be_hidden()
