"""What alerts and dashboard are held against, beside promtool.

    alerts.py rules RULE.yaml                 the plain rules of a PrometheusRule, for promtool
    alerts.py document RULE.yaml RUNBOOK.md TESTS.yaml CORECTL_HELP
                                              is each alert described and tested, are there all
                                              the commands that the runbook names?
    alerts.py metrics URL...                  does promtool find fault with what is served there?
    alerts.py ask PROMETHEUS_URL RULE.yaml DASHBOARD.json
                                              has each expression data?

Exit 1 with a line a fault.
"""
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import yaml

PARTS = ("**Seen:**", "**Means:**", "**Do:**")
# The contract keeps the specification's name for this one.
ALLOWED = 'active_events_count non-histogram and non-summary metrics should not have "_count" suffix'
ANSWER_S = 60


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def rules_of(path):
    return [rule for group in load(path)["spec"]["groups"] for rule in group["rules"]]


def plain_rules(path):
    yaml.safe_dump({"groups": load(path)["spec"]["groups"]}, sys.stdout, sort_keys=False)
    return []


# --- documents ------------------------------------------------------------------------------------
def sections(runbook):
    with open(runbook, encoding="utf-8") as file:
        parts = re.split(r"^### (.+)\n", file.read(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def tested(tests):
    """Which alerts have a test that stays quiet, and which have one that fires."""
    quiet, fires = set(), set()
    for test in load(tests)["tests"]:
        for case in test["alert_rule_test"]:
            (fires if case["exp_alerts"] else quiet).add(case["alertname"])
    return quiet & fires


def commands(text, before):
    """The words of commands: what stands before their arguments."""
    return set(re.findall(before + r"([a-z]+(?: [a-z]+)*)", text, flags=re.M))


def unknown_commands(runbook, help_path):
    with open(runbook, encoding="utf-8") as file:
        named = commands(file.read(), "`corectl ")
    with open(help_path, encoding="utf-8") as file:
        known = commands(file.read(), "^  ")
    # What a command is given may be a word too: the name of a queue.
    return {name for name in named if name not in known and name.rpartition(" ")[0] not in known}


def document(rule_path, runbook, tests, help_path):
    faults = [f"{runbook}: corectl has no command {name}"
              for name in sorted(unknown_commands(runbook, help_path))]
    alerts = {rule["alert"]: rule for rule in rules_of(rule_path) if "alert" in rule}
    described = sections(runbook)
    for name, rule in alerts.items():
        anchor = rule["annotations"]["runbook_url"].partition("#")[2]
        if anchor != name.lower():
            faults.append(f"{name}: runbook_url ends in #{anchor}")
        if name not in tested(tests):
            faults.append(f"{name}: no test, or none that stays quiet")
        for part in PARTS:
            if part not in described.get(name, ""):
                faults.append(f"{name}: {runbook} has no section with {part}")
    faults += [f"{runbook}: {name} is no alert"
               for name in described if name.startswith("CoreService") and name not in alerts]
    return faults


# --- live -----------------------------------------------------------------------------------------
def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def metrics(*urls):
    faults = []
    for url in urls:
        found = subprocess.run(["promtool", "check", "metrics"], input=get(url), text=True,
                               capture_output=True, check=False)
        lines = (found.stdout + found.stderr).splitlines()
        faults += [f"{url}: {line}" for line in lines if line and line != ALLOWED]
        if found.returncode not in (0, 3):
            faults.append(f"{url}: promtool ends with {found.returncode}")
    return faults


def has_data(prometheus, expression):
    query = urllib.parse.urlencode({"query": expression})
    return bool(json.loads(get(f"{prometheus}/api/v1/query?{query}"))["data"]["result"])


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def dashboard_expressions(path):
    """(where, expression) of every panel and variable, its variables filled in."""
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            text = target["expr"].replace("$__rate_interval", "1m").replace("$namespace", ".*")
            yield f"panel {panel['title']}", text
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", re.sub(
                r"label_values\((.*), *\w+\)", r"\1", variable["definition"])


def selectors(expression):
    """The series that an expression speaks of: an alert itself is quiet when all is well."""
    text = re.sub(r"\b(by|on|without|ignoring) *\([^)]*\)", "", expression)
    return re.findall(r"(?<![\w\"$.])([a-z_][a-z0-9_:]*(?:\{[^}]*\})?)(?! *\(|[\w\"])", text)


def alert_expressions(path):
    words = {"and", "or", "unless", "bool"}
    for rule in rules_of(path):
        name = rule.get("alert", rule.get("record"))
        for selector in selectors(rule["expr"]):
            if selector not in words and not re.fullmatch(r"[smhd]", selector):
                # An error is no part of a run in which all is well.
                yield f"rule {name}", selector.replace(', status=~"5.."', "")


def ask(prometheus, rule_path, dashboard):
    wanted = [*dashboard_expressions(dashboard), *alert_expressions(rule_path)]
    until = time.monotonic() + ANSWER_S
    while wanted:
        wanted = [(where, text) for where, text in wanted if not has_data(prometheus, text)]
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return [f"{where}: no data for {text}" for where, text in wanted]


COMMANDS = {"rules": plain_rules, "document": document, "metrics": metrics, "ask": ask}

if __name__ == "__main__":
    problems = COMMANDS[sys.argv[1]](*sys.argv[2:])
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
