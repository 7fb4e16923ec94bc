use super::*;
use crate::report::samples;

const MAP: &str = "%% crosscheck plan\nflowchart LR\n";

/// With a short table and a short map in the place of those of an empty report.
fn short(text: &str) -> String {
    let map = mermaid::render(&Report::default());
    let crlf = |text: &str| text.replace('\n', "\r\n");
    let text = text.replace(&crlf(&map), &crlf(MAP)).replace(&map, MAP);
    text.replace(markdown::render(&Report::default()).trim_end(), "| new |")
}

fn within_only(name: &str, text: &str, only: Option<Kind>) -> Result<String, String> {
    let (report, name) = (Report::default(), Path::new(name));
    Rendered::of(&report).within(text, name, only).map(|text| short(&text)).map_err(|error| error.to_string())
}

fn within(name: &str, text: &str) -> Result<String, String> {
    within_only(name, text, None)
}

#[test]
fn only_what_stands_between_the_markers_changes() {
    for (text, expected) in [
        (
            "# Shop\n<!-- crosscheck:plan -->\nold\n<!-- /crosscheck:plan -->\nend",
            "# Shop\n<!-- crosscheck:plan -->\n\n| new |\n\n<!-- /crosscheck:plan -->\nend",
        ),
        (
            "<!-- crosscheck:plan -->\n<!-- /crosscheck:plan -->",
            "<!-- crosscheck:plan -->\n\n| new |\n\n<!-- /crosscheck:plan -->",
        ),
        (
            "\u{feff}<!-- crosscheck:plan -->\r\n<!-- /crosscheck:plan -->\r\n",
            "\u{feff}<!-- crosscheck:plan -->\r\n\r\n| new |\r\n\r\n<!-- /crosscheck:plan -->\r\n",
        ),
        (
            "<!-- crosscheck:map -->\n~~~\n<!-- /crosscheck:map -->\n\n<!-- crosscheck:plan -->\n<!-- /crosscheck:plan -->\n",
            "<!-- crosscheck:map -->\n\n```mermaid\n%% crosscheck plan\nflowchart LR\n```\n\n<!-- /crosscheck:map -->\n\n\
             <!-- crosscheck:plan -->\n\n| new |\n\n<!-- /crosscheck:plan -->\n",
        ),
        // What a block of code shows is no marker.
        (
            "```md\n<!-- crosscheck:plan -->\n```\n<!-- crosscheck:plan -->\n<!-- /crosscheck:plan -->\n",
            "```md\n<!-- crosscheck:plan -->\n```\n<!-- crosscheck:plan -->\n\n| new |\n\n<!-- /crosscheck:plan -->\n",
        ),
    ] {
        let found = within("README.md", text).unwrap();
        assert_eq!(found, expected);
        assert_eq!(within("README.md", &found).unwrap(), found, "written twice, it is the same");
    }
}

#[test]
fn markers_that_are_no_pairs_are_said_with_their_line() {
    for (text, reason) in [
        ("# Shop\n", "no place for the plan"),
        ("`<!-- crosscheck:plan -->`\n", "no place for the plan"),
        ("a\n<!-- crosscheck:plan -->\n", "README.md:2: `<!-- crosscheck:plan -->` has no end"),
        ("<!-- /crosscheck:plan -->\n", "README.md:1: `<!-- /crosscheck:plan -->` ends nothing"),
        ("<!-- crosscheck:plan -->\n<!-- /crosscheck:map -->\n", "README.md:2:"),
        ("<!-- crosscheck:plan -->\n<!-- crosscheck:map -->\n", "README.md:2:"),
        (
            "<!-- crosscheck:map -->\n<!-- /crosscheck:map -->\n<!-- crosscheck:map -->\n<!-- /crosscheck:map -->\n",
            "README.md:3: `<!-- crosscheck:map -->` stands here for the second time",
        ),
    ] {
        let error = within("README.md", text).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_map_of_its_own_is_known_by_its_name_or_its_first_line() {
    assert_eq!(within("map.mmd", "").unwrap(), MAP);
    assert_eq!(within("map.mmd", "%% crosscheck plan: of another version\r\n").unwrap(), MAP.replace('\n', "\r\n"));
    assert_eq!(within("map.txt", "%% crosscheck plan\nold").unwrap(), MAP);
    assert!(within("map.mmd", "flowchart TD\n").unwrap_err().contains("not of crosscheck's making"));
}

#[test]
fn one_kind_can_be_asked_for_alone() {
    let both =
        "<!-- crosscheck:map -->\n<!-- /crosscheck:map -->\n<!-- crosscheck:plan -->\n<!-- /crosscheck:plan -->\n";
    let found = within_only("x.md", both, Some(Kind::Plan)).unwrap();
    assert!(found.contains("| new |") && !found.contains("flowchart"), "{found}");
    let table = "<!-- crosscheck:plan -->\n<!-- /crosscheck:plan -->\n";
    let error = within_only("x.md", table, Some(Kind::Map)).unwrap_err();
    assert!(error.contains("the map is to stand") && error.contains("<!-- crosscheck:map -->"), "{error}");
}

#[test]
fn every_sample_stands_where_it_is_put() {
    for (name, report) in samples::all() {
        let rendered = Rendered::of(&report);
        for (kind, path) in [(Kind::Plan, "x.md"), (Kind::Map, "x.md"), (Kind::Map, "x.mmd")] {
            let path = Path::new(path);
            let file = rendered.alone(kind, Some(path));
            // Nothing in it, however it is named, ends its own place.
            assert_eq!(rendered.within(&file, path, None).unwrap(), file, "{name}");
        }
    }
}
