#!/usr/bin/env python3
"""The dashboards against Grafana's published types: npm's @grafana/schema, in the versions of grafana_types/package.json.
Each part of a dashboard becomes a constant of its type, and the TypeScript compiler says what does not fit.
Usage: grafana_types_test.py FOLDER (packages are kept there). Exit code 77: no npm, or its registry cannot be reached.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = pathlib.Path(sys.argv[1]).resolve()
DASHBOARDS = sorted((ROOT / "docker/grafana/dashboards").glob("*.json"))
PANELS = {
    "barchart": "barchart/panelcfg/x/BarChartPanelCfg",
    "gauge": "gauge/panelcfg/x/GaugePanelCfg",
    "stat": "stat/panelcfg/x/StatPanelCfg",
    "state-timeline": "statetimeline/panelcfg/x/StateTimelinePanelCfg",
    "table": "table/panelcfg/x/TablePanelCfg",
    "timeseries": "timeseries/panelcfg/x/TimeSeriesPanelCfg",
    "trend": "trend/panelcfg/x/TrendPanelCfg",
}
HEAD = """import {{ AnnotationQuery, Dashboard, Panel, VariableModel }} from '@grafana/schema';
import {{ PrometheusDataQuery }} from 'grafana-schema-10/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';
{imports}
import {{ Plain }} from './plain';

// `interval` came later than the version that published the rest.
type Query = PrometheusDataQuery & {{ interval?: string }};
// Prometheus' own keys of an annotation, and the text of a variable's query, are open in the published types.
type Annotation = Omit<AnnotationQuery, 'target'> & {{
  expr?: string;
  step?: string;
  target?: Query;
  tagKeys?: string;
  textFormat?: string;
  titleFormat?: string;
  useValueForTime?: boolean;
}};
type Variable = VariableModel & {{ definition?: string }};
"""
IMPORT = "import * as {name} from '@grafana/schema/dist/esm/raw/composable/{path}_types.gen';"
COMPILER = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "commonjs", "--moduleResolution", "node10"]


def install() -> str:
    """Puts the packages into WORK; says why that cannot be."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "npm is not installed"
    WORK.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "grafana_types/package-lock.json").read_text()
    stamp = WORK / "installed-lock.json"
    for path in (HERE / "grafana_types").iterdir():
        shutil.copy(path, WORK)
    if stamp.exists() and stamp.read_text() == lock:
        return ""
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"], cwd=WORK,
                              capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "npm's registry does not answer"
    if done.returncode != 0:
        return f"npm cannot install the packages: {done.stderr.strip().splitlines()[0]}"
    stamp.write_text(lock)
    return ""


def constant(name: str, kind: str, value: object) -> str:
    return f"export const {name}: Plain<{kind}> = {json.dumps(value)};\n"


def panel_constants(name: str, panel: dict) -> str:
    """A panel without what depends on its type, and then that, which the type of a panel leaves open."""
    types = re.sub(r"\W", "_", panel["type"])
    config = panel["fieldConfig"]
    text = constant(f"{name}_options", f"{types}.Options", panel["options"])
    custom = config["defaults"].get("custom")
    if custom is not None:
        text += constant(f"{name}_custom", f"Partial<{types}.FieldConfig>", custom)
    for at, override in enumerate(config["overrides"]):
        changes = {change["id"][len("custom."):]: change["value"] for change in override["properties"]
                   if change["id"].startswith("custom.")}
        if changes:
            text += constant(f"{name}_override_{at}", f"Partial<{types}.FieldConfig>", changes)
    for target in panel["targets"]:
        text += constant(f"{name}_target_{target['refId']}", "Query", target)
    return text + constant(name, "Panel", panel)


def source(dashboard: dict) -> str:
    used = sorted({panel["type"] for panel in dashboard["panels"]})
    imports = "\n".join(IMPORT.format(name=re.sub(r"\W", "_", kind), path=PANELS[kind]) for kind in used)
    text = HEAD.format(imports=imports)
    for panel in dashboard["panels"]:
        text += panel_constants(f"panel_{panel['id']}", panel)
    queries = [query for query in dashboard["annotations"]["list"] if not query.get("builtIn")]
    text += constant("annotations", "Annotation[]", queries)
    text += constant("variables", "Variable[]", dashboard["templating"]["list"])
    apart = ("panels", "annotations", "templating")
    rest = {key: value for key, value in dashboard.items() if key not in apart}
    return text + constant("dashboard", "Dashboard", rest)


def complaints(name: str, dashboard: dict) -> list[str]:
    (WORK / f"{name}.ts").write_text(source(dashboard))
    done = subprocess.run(["node", "node_modules/typescript/bin/tsc", *COMPILER, f"{name}.ts"], cwd=WORK,
                          capture_output=True, text=True, timeout=120)
    return [line for line in done.stdout.splitlines() + done.stderr.splitlines() if "error" in line]


class GrafanaTypesTest(unittest.TestCase):
    def test_the_types_are_those_of_the_grafana_that_is_started(self) -> None:
        image = re.search(r"grafana/grafana:([\d.]+)", (ROOT / "docker-compose.yml").read_text())
        package = json.loads((HERE / "grafana_types/package.json").read_text())
        self.assertEqual(package["dependencies"]["@grafana/schema"], image[1])

    def test_every_dashboard_fits_its_types(self) -> None:
        self.assertGreaterEqual(len(DASHBOARDS), 3)
        for path in DASHBOARDS:
            self.assertEqual(complaints(path.stem, json.loads(path.read_text())), [], path.name)

    def test_a_wrong_word_number_or_key_is_found(self) -> None:
        def broken(change) -> list[str]:
            dashboard = json.loads(DASHBOARDS[0].read_text())
            change(next(each for each in dashboard["panels"] if each["type"] == "timeseries"), dashboard)
            return complaints("broken", dashboard)

        for change in (
            lambda panel, _: panel["options"]["legend"].update(displayMode="lst"),
            lambda panel, _: panel["fieldConfig"]["defaults"]["custom"].update(lineWidth="2"),
            lambda panel, _: panel["targets"][0].update(expression="up"),
            lambda panel, _: panel["gridPos"].update(width=3),
            lambda _, dashboard: dashboard.update(schemaVersion="39"),
        ):
            self.assertEqual(len(broken(change)), 1)


if __name__ == "__main__":
    reason = install()
    if reason:
        print(f"SKIPPED: {reason}")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
