"""The page of `bigkeys report` in headless Chromium: under its own policy, without a network.

Needs Debian's chromium and chromium-driver, and the packages of package.json in NODE_MODULES. BIGKEYS
names the program. With PICTURES, the directory gets pictures of the page.
"""

import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE / "../../../../testdata/fixtures"
BIGKEYS = os.environ["BIGKEYS"]
NODE_MODULES = pathlib.Path(os.environ["NODE_MODULES"])
AXE = (NODE_MODULES / "axe-core/axe.min.js").read_text()

SCRIPT = b"</script><img src=x onerror=document.title='owned'>"
REVERSED = "user:\u202egnp.exe".encode()
LONG = b"long:" + b"n" * (512 << 10)


def length(number):
    if number < 64:
        return bytes([number])
    return b"\x80" + struct.pack(">I", number)


def rdb(keys):
    """A file of strings."""
    parts = [b"REDIS0003\xfe\x00"]
    for key, value in keys:
        parts += [b"\x00", length(len(key)), key, length(len(value)), value]
    parts.append(b"\xff")
    return b"".join(parts)


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        cls.browser = webdriver.Chrome(options=options, service=driver)
        cls.addClassCleanup(cls.browser.quit)
        cls.browser.execute_cdp_cmd("Network.enable", {})
        cls.browser.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )

    def setUp(self):
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.media(scheme="light")
        self.browser.get_log("browser")

    def tearDown(self):
        messages = [entry for entry in self.browser.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]
        self.assertEqual(messages, [])

    def media(self, scheme, medium=""):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})

    def narrow(self, width):
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def make(self, *arguments, command="report"):
        page = self.directory / f"page-{len(list(self.directory.iterdir()))}.html"
        run = subprocess.run([BIGKEYS, command, *map(str, arguments), "-o", page], capture_output=True, check=False)
        self.assertIn(run.returncode, (0, 3), run.stderr)
        return page

    def open(self, page):
        self.browser.get(page.absolute().as_uri())

    def fixture(self):
        self.open(self.make(FIXTURES / "redis-8.2.3.rdb", "--deep"))

    def run_script(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def shown_groups(self):
        return self.run_script(
            "return [...document.querySelectorAll('#group-table tbody tr')].filter(r => !r.hidden).map(r => r.cells[0].innerText)"
        )

    def shown_keys(self):
        return self.run_script(
            "return [...document.querySelectorAll('#key-table tbody tr')].filter(r => !r.hidden).map(r => [...r.cells].map(c => c.innerText))"
        )

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def until(self, condition):
        return WebDriverWait(self.browser, 10).until(lambda browser: condition())

    def assert_accessible(self):
        self.run_script(AXE)
        found = self.browser.execute_async_script(
            "const done = arguments[arguments.length - 1]; axe.run().then(r => done(r.violations))"
        )
        serious = [
            (rule["id"], [node["html"] for node in rule["nodes"]][:3])
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]
        self.assertEqual(serious, [])

    def test_the_page_has_every_section(self):
        self.fixture()
        self.assertIn("redis-8.2.3.rdb", self.browser.title)
        for section in ("totals", "groups", "keys", "rules", "distributions", "forecast", "memory", "files"):
            self.assertTrue(self.find(f"#{section}").is_displayed(), section)
        self.assertIn("599", self.find(".cards").text)
        self.assertGreater(len(self.browser.find_elements(By.CSS_SELECTOR, ".histogram rect")), 20)
        self.assertIn("to the byte", self.find("#memory").text)

    def test_a_click_opens_a_group_and_the_way_back_is_there(self):
        self.fixture()
        groups = self.shown_groups()
        self.assertIn("str:", groups)
        link = next(link for link in self.browser.find_elements(By.CSS_SELECTOR, "#map a") if "str:," in link.get_attribute("aria-label"))
        self.run_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))", link)
        self.until(lambda: self.find("#path").text.endswith("str:"))
        inside = self.shown_groups()
        self.assertEqual(inside[0], "str:")
        self.assertIn("{int}MiB:", inside)
        self.browser.back()
        self.until(lambda: self.shown_groups() == groups)
        # By keyboard, too.
        self.run_script("arguments[0].focus()", self.find("#map a"))
        self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.until(lambda: self.shown_groups() != groups)
        self.find("#path a").click()
        self.until(lambda: self.shown_groups() == groups)

    def test_keys_are_searched_filtered_and_sorted(self):
        self.fixture()
        everything = self.shown_keys()
        self.find("#search").send_keys("BIG")
        found = self.shown_keys()
        self.assertTrue(0 < len(found) < len(everything) and all("big" in row[0].lower() for row in found), found)
        self.assertEqual(self.find("#found").text, f"{len(found)} of {len(everything)}")
        self.find("#search").clear()
        Select(self.find("#type")).select_by_visible_text("zset")
        self.assertEqual({row[1] for row in self.shown_keys()}, {"zset"})
        heads = self.browser.find_elements(By.CSS_SELECTOR, "#key-table thead button")
        column = [head.text for head in heads].index("elements")
        for order in ("descending", "ascending"):
            heads[column].click()
            numbers = [int(row[column].replace(",", "")) for row in self.shown_keys()]
            self.assertEqual(numbers, sorted(numbers, reverse=order == "descending"))
            head = self.browser.find_elements(By.CSS_SELECTOR, "#key-table thead th")[column]
            self.assertEqual(head.get_attribute("aria-sort"), order)

    def test_it_is_readable_in_the_dark_on_a_phone_and_on_paper(self):
        self.fixture()
        colour = "return getComputedStyle(document.body).backgroundColor"
        self.assertEqual(self.run_script(colour), "rgb(255, 255, 255)")
        self.assert_accessible()
        self.picture("page-light")
        self.media(scheme="dark")
        self.assertNotEqual(self.run_script(colour), "rgb(255, 255, 255)")
        self.assert_accessible()
        self.picture("page-dark")
        self.narrow(360)
        too_wide = "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 360 && !e.closest('.scroll, svg')).map(e => e.outerHTML.slice(0, 200))"
        self.assertEqual(self.run_script(too_wide), [])
        self.assertLessEqual(self.run_script("return document.documentElement.scrollWidth"), 360)
        self.picture("page-phone")
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.media(scheme="dark", medium="print")
        self.assertEqual(self.run_script(colour), "rgb(255, 255, 255)")
        self.assertFalse(self.find("header nav").is_displayed())
        paper = self.browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
        self.assertGreater(len(paper["data"]), 20_000)

    def picture(self, name):
        if directory := os.environ.get("PICTURES"):
            self.browser.save_screenshot(f"{directory}/{name}.png")

    def test_hostile_names_are_text(self):
        file = self.directory / "hostile.rdb"
        file.write_bytes(rdb([(SCRIPT, b"x" * 900), (SCRIPT + b":a", b"x"), (REVERSED, b"x"), (LONG, b"x")]))
        page = self.make(file)
        self.assertLess(page.stat().st_size, 200_000)
        self.open(page)
        self.assertEqual(self.browser.find_elements(By.CSS_SELECTOR, "img"), [])
        self.assertIn("hostile.rdb", self.browser.title)
        names = [row[0] for row in self.shown_keys()]
        self.assertIn(SCRIPT.decode(), names)
        self.assertIn(r"user:\xe2\x80\xaegnp.exe", names)
        self.assertTrue(any("(524,293 bytes)" in name for name in names), names)
        self.validate(page)

    def test_a_million_keys_with_five_thousand_prefixes(self):
        file = self.directory / "million.rdb"
        # Letters, because digits have placeholders.
        letters = bytes.maketrans(b"0123456789", b"ghijklmnop")
        prefixes = [b"shop-" + (b"%04d" % i).translate(letters) for i in range(5000)]
        file.write_bytes(rdb((prefixes[i % 5000] + b":%d" % i, b"v" * (i % 50)) for i in range(1_000_000)))
        page = self.make("--no-memory", file)
        self.assertLess(page.stat().st_size, 1_500_000)
        self.open(page)
        self.assertEqual(len(self.shown_groups()), 101)
        self.assertEqual(self.find("#more").text, "Show 4900 more")
        # The best of a few, because the machine does other things, too.
        took = self.browser.execute_async_script(
            """
            const done = arguments[arguments.length - 1];
            const times = [];
            const click = () => {
                if (times.length === 5) return done(Math.min(...times));
                history.replaceState(null, "", location.pathname);
                const start = performance.now();
                addEventListener("hashchange", () => setTimeout(() => {
                    document.body.getBoundingClientRect();
                    times.push(performance.now() - start);
                    click();
                }), { once: true });
                document.querySelector("#group-table tbody a").click();
            };
            click();
            """
        )
        self.assertLess(took, 100)
        self.find("#more").click()
        self.assertEqual(len(self.shown_groups()), 5001)

    def test_growth_and_shards_have_pictures(self):
        page = self.make(FIXTURES / "redis-7.2.6.rdb", FIXTURES / "redis-8.2.3.rdb", command="diff")
        self.open(page)
        self.assertIn("+357.75 KiB in memory", self.find("#growth").text)
        self.assert_accessible()
        self.validate(page)
        shards = ("--shard", f"10.0.0.1:6379={FIXTURES / 'redis-7.2.6.rdb'}", "--shard", f"10.0.0.2:6379={FIXTURES / 'redis-8.2.3.rdb'}")
        page = self.make(*shards)
        self.open(page)
        self.assertIn("10.0.0.2:6379", self.find("#cluster").text)
        self.assertEqual(len(self.browser.find_elements(By.CSS_SELECTOR, ".strip rect")), 256)
        self.assert_accessible()
        self.validate(page)

    def test_the_html_is_valid_also_of_a_damaged_file_and_of_a_saved_report(self):
        self.validate(self.make(FIXTURES / "redis-8.2.3.rdb", "--deep"))
        truncated = self.directory / "truncated.rdb"
        truncated.write_bytes((FIXTURES / "redis-8.2.3.rdb").read_bytes()[:100_000])
        page = self.make(truncated)
        self.open(page)
        self.assertIn("partial", self.find("header").text)
        self.validate(page)
        saved = self.directory / "saved"
        subprocess.run([BIGKEYS, "scan", "-q", "--save", saved, FIXTURES / "redis-8.2.3.rdb"], check=True, capture_output=True)
        self.validate(self.make(saved))
        empty = self.directory / "empty.rdb"
        empty.write_bytes(rdb([]))
        self.validate(self.make(empty))

    def validate(self, page):
        program = NODE_MODULES / ".bin/html-validate"
        run = subprocess.run([program, "--config", HERE / ".htmlvalidate.json", page], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stdout[-3000:] + run.stderr[-3000:])


if __name__ == "__main__":
    unittest.main()
