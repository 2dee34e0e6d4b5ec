//! Templates as people write them for Docker.

use serde_json::{Value, json};

use super::format::{Format, InspectFormat, Listing, Row};
use super::{Data, Missing, Template};

fn container() -> Value {
    json!({
        "Id": "4be5d5d5a5b5",
        "Name": "/web",
        "Names": "web",
        "Status": "Up 3 minutes",
        "State": {"Status": "running", "Running": true, "ExitCode": 0, "Health": null},
        "Config": {
            "Tty": false,
            "Cmd": ["nginx", "-g", "daemon off;"],
            "Env": null,
            "Labels": {"b": "2", "a.b": "dotted", "a": "<1>"},
        },
        "HostConfig": {"Memory": 536870912, "NanoCpus": 1.5},
        "Mounts": [{"Source": "/a", "RW": true}, {"Source": "/b", "RW": false}],
        "RootFS": {"Layers": ["sha256:1", "sha256:2", "sha256:3"]},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostPort": "8080"}], "443/tcp": null}},
    })
}

fn run_on(template: &str, root: &Value, missing: Missing) -> Result<String, String> {
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    template.execute(&Data { missing, ..Data::new(root) }).map_err(|error| error.to_string())
}

fn run(template: &str) -> String {
    run_on(template, &container(), Missing::NoValue).unwrap_or_else(|error| error)
}

fn table(cases: &[(&str, &str)]) {
    for (template, shown) in cases {
        assert_eq!(run(template), *shown, "{template}");
    }
}

#[test]
fn what_scripts_ask_docker_for_comes_out() {
    table(&[
        ("{{.Names}}: {{.Status}}", "web: Up 3 minutes"),
        ("{{range .Mounts}}{{.Source}} {{end}}", "/a /b "),
        ("{{if .Config.Tty}}y{{else}}n{{end}}", "n"),
        ("{{index .Config.Labels \"a.b\"}}", "dotted"),
        ("{{.State.Status | upper}}", "RUNNING"),
        ("{{join .Config.Cmd \" \"}}", "nginx -g daemon off;"),
        ("{{with $x := .HostConfig}}{{$x.Memory}}{{end}}", "536870912"),
        ("{{printf \"%-10s|%5d\" .Name 3}}", "/web      |    3"),
        ("{{len .RootFS.Layers}}", "3"),
        ("{{println \"a\" \"b\"}}", "a b\n"),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}}{{\"\\n\"}}{{end}}", "a=<1>\na.b=dotted\nb=2\n"),
        ("{{json .Config.Labels}}", r#"{"b":"2","a.b":"dotted","a":"<1>"}"#),
        ("{{json .State.Health}}{{json .Nothing}}", "nullnull"),
        ("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080"),
        ("{{(index .NetworkSettings.Ports \"80/tcp\" 0).HostPort}}", "8080"),
        (
            "{{range $p, $c := .NetworkSettings.Ports}}{{$p}}->{{range $c}}{{.HostPort}}{{else}}none{{end}} {{end}}",
            "443/tcp->none 80/tcp->8080 ",
        ),
        ("{{.Config.Cmd}} {{.Config.Labels}}", "[nginx -g daemon off;] map[a:<1> a.b:dotted b:2]"),
        ("{{.HostConfig.NanoCpus}} {{.State.Running}}", "1.5 true"),
        ("{{slice .Id 0 4}} {{truncate .Id 2}} {{pad .Names 1 2}}|", "4be5 4b  web  |"),
        ("{{title \"hello wide-world_x\"}} {{lower \"ÄB\"}}", "Hello Wide-World_x äb"),
        ("{{split \"a:b:c\" \":\"}} {{join (split \"a:b\" \":\") \"/\"}}", "[a b c] a/b"),
        ("{{if eq .State.Status \"exited\" \"running\"}}yes{{end}}", "yes"),
        ("{{range .Config.Env}}x{{else}}empty{{end}}{{len .Config.Env}}{{join .Config.Env \",\"}}", "empty0"),
        ("{{index .Config.Labels \"none\"}}|{{if index .Config.Labels \"none\"}}y{{else}}n{{end}}", "|n"),
        ("{{.Missing}} {{.Missing.Deep}}", "<no value> <no value>"),
        ("{{$.Id}}{{range .Mounts}}{{$.Names}}{{end}}", "4be5d5d5a5b5webweb"),
    ]);
}

#[test]
fn control_structures_are_go_s() {
    table(&[
        ("{{if .No}}a{{else if .State.Running}}b{{else}}c{{end}}", "b"),
        ("{{if .No}}a{{else if .State.ExitCode}}b{{else}}c{{end}}", "c"),
        ("{{with .No}}a{{else with .State}}{{.Status}}{{else}}c{{end}}", "running"),
        ("{{with .No}}a{{else}}{{.Id}}{{end}}", "4be5d5d5a5b5"),
        ("{{range $i, $m := .Mounts}}{{if $i}}, {{end}}{{$m.Source}}{{end}}", "/a, /b"),
        ("{{range $m := .Mounts}}{{$m.Source}}{{.RW}}{{end}}", "/atrue/bfalse"),
        ("{{range 5}}{{if eq . 1}}{{continue}}{{end}}{{if eq . 3}}{{break}}{{end}}{{.}}{{end}}", "02"),
        ("{{range $i, $_ := .Mounts}}{{$i}}{{end}}", "01"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{$y}}{{end}}{{$x}}", "32"),
        ("{{$x := 1}}{{range 3}}{{$x := .}}{{end}}{{$x}}", "1"),
        (
            "{{define \"t\"}}<{{.}}{{$}}>{{end}}{{template \"t\" .Id}}{{template \"t\"}}",
            "<4be5d5d5a5b54be5d5d5a5b5><<no value><no value>>",
        ),
        ("{{block \"b\" .State}}{{.Status}}{{end}}", "running"),
        ("a {{- /* comment */ -}} b{{/* and }} */}}c", "abc"),
        ("x \n {{- 1 -}} \t y", "x1y"),
        ("{{\n\"multi\"\n|\nupper\n}}", "MULTI"),
        ("{{(.State).Status}} {{(index .Mounts 1).Source}}", "running /b"),
        ("no action", "no action"),
        ("", ""),
        ("}} {", "}} {"),
    ]);
}

#[test]
fn functions_and_literals_are_go_s() {
    table(&[
        ("{{and 1 0 .No.Error}} {{or 0 \"\" \"x\"}} {{not 0}}", "0 x true"),
        ("{{and true (eq 1 1)}} {{or false nil | len}}", "true 0"),
        ("{{eq 1 1}}{{ne 1 2}}{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge \"b\" \"a\"}}", "truetruetruetruefalsetrue"),
        ("{{lt 1.5 2.5}}{{eq nil nil}}{{eq .No nil}}{{eq \"a\" nil}}", "truetruetruefalse"),
        ("{{print 1 2 \"a\" 3 4}} {{print nil}} {{println}}", "1 2a3 4 <nil> \n"),
        (
            "{{'a'}} {{0x1F}} {{0b11}} {{0o17}} {{017}} {{1_000}} {{-5}} {{+5}} {{1e3}} {{1e7}} {{.5}}",
            "97 31 3 15 15 1000 -5 5 1000 1e+07 0.5",
        ),
        ("{{`raw \\n`}} {{\"a\\tb\\x41\\u00e4\\101\"}} {{'\\n'}}", "raw \\n a\tbA\u{e4}A 10"),
        (
            "{{html \"<a href='x'>\"}} {{js \"it's <b>\"}} {{urlquery \"a b&ä\"}}",
            "&lt;a href=&#39;x&#39;&gt; it\\'s \\u003Cb\\u003E a+b%26%C3%A4",
        ),
        (
            "{{len \"äb\"}} {{slice \"hello\" 1 3}} {{slice .RootFS.Layers 1}} {{index \"A\" 0}}",
            "3 el [sha256:2 sha256:3] 65",
        ),
        ("{{1 | printf \"%d-%s\" 2 | print}}", "2-%!s(int=1)"),
        ("{{.Config.Tty | not | printf \"%t\"}}", "true"),
        (
            "{{join .Config.Labels \",\"}} {{join .Mounts \";\"}}",
            "2,<1>,dotted map[RW:true Source:/a];map[RW:false Source:/b]",
        ),
        ("{{json \"a\\u2028\\\"<\"}} {{json .Config.Cmd}}", "\"a\\u2028\\\"<\" [\"nginx\",\"-g\",\"daemon off;\"]"),
    ]);
}

#[test]
fn printf_is_go_s() {
    table(&[
        (
            "{{printf \"%d|%5d|%-5d|%05d|%+d|% d|%x|%X|%#x|%o|%b|%c|%U\" 42 42 42 42 42 42 42 42 42 42 42 65 65}}",
            "42|   42|42   |00042|+42| 42|2a|2A|0x2a|52|101010|A|U+0041",
        ),
        (
            "{{printf \"%s|%6s|%-6s|%.2s|%q|%x|% X|%v\" \"äbc\" \"äbc\" \"äbc\" \"äbc\" \"a\\\"\\n\" \"hi\" \"hi\" \"v\"}}",
            "äbc|   äbc|äbc   |äb|\"a\\\"\\n\"|6869|68 69|v",
        ),
        (
            "{{printf \"%f|%.2f|%8.3f|%-8.1f|%e|%g|%08.3f|%+.1f\" 3.14159 3.14159 3.14159 3.14159 314.159 1e21 -3.14159 2.0}}",
            "3.141590|3.14|   3.142|3.1     |3.141590e+02|1e+21|-003.142|+2.0",
        ),
        (
            "{{printf \"%t %v %v %v\" true nil .Config.Cmd .Config.Labels}}",
            "true <nil> [nginx -g daemon off;] map[a:<1> a.b:dotted b:2]",
        ),
        (
            "{{printf \"%q %s %d\" .Config.Cmd .Mounts .Missing}}",
            "[\"nginx\" \"-g\" \"daemon off;\"] [map[RW:%!s(bool=true) Source:/a] map[RW:%!s(bool=false) Source:/b]] %!d(<nil>)",
        ),
        (
            "{{printf \"%d %s\" \"x\" 1}} {{printf \"%d\"}} {{printf \"x\" 1 \"a\"}} {{printf \"%z\" 1}} {{printf \"100%\"}} {{printf \"%%\"}}",
            "%!d(string=x) %!s(int=1) %!d(MISSING) x%!(EXTRA int=1, string=a) %!z(int=1) 100%!(NOVERB) %",
        ),
        (
            "{{printf \"%*d|%-*d|%.*f\" 5 1 4 2 1 3.14}} {{printf \"%[2]s %[1]s\" \"a\" \"b\"}} {{printf \"%[3]d\" 1}}",
            "    1|2   |3.1 b a %!d(BADINDEX)",
        ),
        ("{{printf \"%T %T %T\" 1 \"a\" nil}} {{printf \"%.3d|%8.3d\" 7 7}}", "int string <nil> 007|     007"),
    ]);
}

#[test]
fn faults_of_form_are_named_with_their_line() {
    for (template, error) in [
        ("{{.Foo", "template: :1: unclosed action"),
        ("a\nb{{if .X}}", "template: :2: unexpected EOF"),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("{{else}}", "template: :1: unexpected {{else}}"),
        ("{{if .A}}{{else}}{{else}}{{end}}", "template: :1: expected end; found {{else}}"),
        ("{{foo .A}}", "template: :1: function \"foo\" not defined"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{if}}{{end}}", "template: :1: missing value for if"),
        ("{{.A || .B}}", "template: :1: unexpected \"|\" in command"),
        ("{{.A | \"x\"}}", "template: :1: non executable command in pipeline stage 2"),
        ("{{$x}}", "template: :1: undefined variable \"$x\""),
        ("{{if true}}{{$x := 1}}{{end}}{{$x}}", "template: :1: undefined variable \"$x\""),
        ("{{break}}", "template: :1: {{break}} outside {{range}}"),
        ("{{\"a}}", "template: :1: unterminated quoted string"),
        ("{{`a}}", "template: :1: unterminated raw quoted string"),
        ("{{'ab'}}", "template: :1: unterminated character constant"),
        ("{{/* a}}", "template: :1: unclosed comment"),
        ("{{/* a */ b}}", "template: :1: comment ends before closing delimiter"),
        ("{{(.A}}", "template: :1: unclosed left paren"),
        ("{{.A)}}", "template: :1: unexpected \")\" in command"),
        ("{{.A-b}}", "template: :1: bad character U+002D '-'"),
        ("{{ .A }", "template: :1: unexpected \"}\" in operand"),
        ("{{12x}}", "template: :1: bad number syntax: \"12x\""),
        ("{{\"a\".B}}", "template: :1: unexpected . after term \"\\\"a\\\"\""),
        ("{{if true}}{{define \"x\"}}{{end}}{{end}}", "template: :1: unexpected <define> in command"),
    ] {
        let found = Template::parse(template).unwrap_err().to_string();
        assert_eq!(found, format!("template parsing error: {error}"), "{template}");
    }
}

#[test]
fn faults_on_data_are_named_with_their_place() {
    let row = Missing::NoField("*formatter.ContainerContext");
    for (template, missing, error) in [
        (
            "{{.Foo}}",
            row,
            "template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext",
        ),
        (
            "x\n {{.Foo}}",
            row,
            "template: :2:3: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext",
        ),
        ("{{.Foo}}", Missing::NoKey, "template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\""),
        (
            "{{.State.Foo}}",
            Missing::NoKey,
            "template: :1:8: executing \"\" at <.State.Foo>: map has no entry for key \"Foo\"",
        ),
        (
            "{{.State.Health.Status}}",
            Missing::NoKey,
            "template: :1:8: executing \"\" at <.State.Health.Status>: nil pointer evaluating interface {}.Status",
        ),
        (
            "{{.Id.Foo}}",
            Missing::NoValue,
            "template: :1:5: executing \"\" at <.Id.Foo>: can't evaluate field Foo in type string",
        ),
        ("{{upper 1}}", Missing::NoValue, "template: :1:8: executing \"\" at <1>: expected string; found 1"),
        ("{{upper .No}}", Missing::NoValue, "template: :1:8: executing \"\" at <.No>: invalid value; expected string"),
        (
            "{{upper}}",
            Missing::NoValue,
            "template: :1:2: executing \"\" at <upper>: wrong number of args for upper: want 1 got 0",
        ),
        (
            "{{index .Mounts 5}}",
            Missing::NoValue,
            "template: :1:2: executing \"\" at <index .Mounts 5>: error calling index: index out of range: 5",
        ),
        (
            "{{join .Id \",\"}}",
            Missing::NoValue,
            "template: :1:2: executing \"\" at <join .Id \",\">: error calling join: expected slice, got string",
        ),
        (
            "{{lt 1 \"a\"}}",
            Missing::NoValue,
            "template: :1:2: executing \"\" at <lt 1 \"a\">: error calling lt: incompatible types for comparison",
        ),
        (
            "{{range .Id}}{{end}}",
            Missing::NoValue,
            "template: :1:8: executing \"\" at <.Id>: range can't iterate over 4be5d5d5a5b5",
        ),
        (
            "{{.Id 1}}",
            Missing::NoValue,
            "template: :1:2: executing \"\" at <.Id>: Id is not a method but has arguments",
        ),
        (
            "{{template \"x\"}}",
            Missing::NoValue,
            "template: :1:11: executing \"\" at <{{template \"x\"}}>: template \"x\" not defined",
        ),
    ] {
        let found = run_on(template, &container(), missing).unwrap_err();
        assert_eq!(found, format!("template parsing error: {error}"), "{template}");
    }
}

#[test]
fn inspect_takes_go_s_spelling_and_users_keys() {
    let inspect = |template: &str| run_on(template, &container(), Missing::NoKey);
    assert_eq!(inspect("{{.ID}} {{.State.exitcode}}").unwrap(), "4be5d5d5a5b5 0");
    assert_eq!(inspect("{{.Config.Labels.none}}").unwrap(), "<no value>");
    assert_eq!(
        inspect("{{.Config.Env}} {{json .Config.Env}} {{.Config.Entrypoint}} {{.State.Health}}").unwrap(),
        "[] null [] <no value>"
    );
    assert_eq!(inspect("{{if .Config.Healthcheck}}{{.Config.Healthcheck.Test}}{{else}}none{{end}}").unwrap(), "none");
    assert_eq!(inspect("{{if .Config.Labels.A}}y{{else}}n{{end}}").unwrap(), "n");
}

#[test]
fn no_template_takes_forever_or_all_memory() {
    let error = |template: &str| run(template).split("executing").last().unwrap_or_default().to_owned();
    assert!(error("{{range 100001}}{{end}}").contains("longer than 100000"));
    assert!(error("{{range 100000}}{{range 100000}}{{end}}{{end}}").contains("more than 2000000 steps"));
    assert!(
        error("{{$x := \"aaaaaaaaaaaaaaaa\"}}{{range 100}}{{$x = printf \"%s%s\" $x $x}}{{end}}").contains("bytes")
    );
    assert!(error("{{define \"t\"}}{{template \"t\"}}{{end}}{{template \"t\"}}").contains("maximum template depth"));
    assert!(error("{{range 100000}}{{printf \"%1000000d\" 1}}{{end}}").contains("more than 67108864 bytes"));
    for deep in [
        format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000)),
        "{{if 1}}".repeat(5000),
        "{{if 1}}{{else if 1}}".repeat(2000),
    ] {
        assert!(Template::parse(&deep).unwrap_err().to_string().contains("nested deeper than 100 levels"));
    }
    assert!(Template::parse(&"x".repeat(100_000)).unwrap_err().to_string().contains("more than 65536"));
}

#[test]
fn no_bytes_make_a_template_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    let words = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "\n",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "\"a\"",
        "`",
        "'",
        "$",
        "$x",
        ":=",
        "=",
        "|",
        "(",
        ")",
        ".",
        ".A",
        ".State",
        ",",
        "1",
        "-1",
        "0x",
        "1e9",
        "printf",
        "\"%*.*[2]d%q\"",
        "index",
        "slice",
        "join",
        "and",
        "or",
        "eq",
        "len",
        "pad",
        "truncate",
        "split",
        "nil",
        "true",
        "/*",
        "*/",
        "\\",
        "ä",
        "🐳",
        "\0",
        "html",
        "js",
    ];
    let root = container();
    for _ in 0..30_000 {
        let count = random.usize(..20);
        let text: String = match random.u8(..3) {
            0 => (0..count).map(|_| words[random.usize(..words.len())]).collect(),
            1 => format!(
                "{{{{{}}}}}",
                (0..count).map(|_| words[random.usize(18..words.len())]).collect::<Vec<_>>().join(" ")
            ),
            _ => (0..count).map(|_| char::from_u32(random.u32(..0x250)).unwrap_or('{')).collect(),
        };
        let _ = run_on(&text, &root, Missing::NoValue);
        let _ = run_on(&text, &root, Missing::NoKey);
    }
}

const CONTAINERS: Listing = Listing {
    type_name: "*formatter.ContainerContext",
    headers: &[("ID", "CONTAINER ID"), ("Image", "IMAGE"), ("Names", "NAMES"), ("Size", "SIZE")],
    table: "table {{.ID}}\\t{{.Image}}\\t{{.Names}}",
};

fn rows() -> Vec<Row> {
    let row = |id: &str, image: &str, names: &str| Row {
        fields: json!({"ID": id, "Image": image, "Names": names}).as_object().cloned().unwrap_or_default(),
        labels: [("com.example.some-key".to_owned(), id.to_uppercase())].into(),
    };
    vec![row("4be5d5d5a5b5", "alpine:3.20", "web"), row("b7", "a\tb", "db")]
}

fn list(format: &str) -> String {
    Format::parse(format, &CONTAINERS)
        .and_then(|format| format.render(&CONTAINERS, &rows()))
        .unwrap_or_else(|error| error.to_string())
}

#[test]
fn lists_are_tables_json_or_lines() {
    assert_eq!(
        list(""),
        "CONTAINER ID   IMAGE         NAMES\n4be5d5d5a5b5   alpine:3.20   web\nb7             a b           db\n"
    );
    assert_eq!(list("table"), list(""));
    assert_eq!(list("table {{.ID}}\\t{{.Names}}"), "CONTAINER ID   NAMES\n4be5d5d5a5b5   web\nb7             db\n");
    assert_eq!(
        list("table {{upper .Names}}\t{{.ID | truncate 2}}").lines().next(),
        Some("template parsing error: template: :1:34: executing \"\" at <2>: expected string; found 2")
    );
    assert_eq!(
        list("table {{upper .Names}}\t{{truncate .ID 2}}"),
        "NAMES     CONTAINER ID\nWEB       4b\nDB        b7\n"
    );
    assert_eq!(
        list("table {{.ID}}\\t{{.Label \"com.example.some-key\"}}"),
        "CONTAINER ID   some key\n4be5d5d5a5b5   4BE5D5D5A5B5\nb7             B7\n"
    );
    assert_eq!(list("{{.ID}}\\t{{.Label \"none\"}}|"), "4be5d5d5a5b5\t|\nb7\t|\n");
    assert_eq!(
        list("json"),
        "{\"ID\":\"4be5d5d5a5b5\",\"Image\":\"alpine:3.20\",\"Names\":\"web\"}\n{\"ID\":\"b7\",\"Image\":\"a\\tb\",\"Names\":\"db\"}\n"
    );
    assert_eq!(
        list("{{.Foo}}"),
        "template parsing error: template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.ContainerContext"
    );
    assert!(Format::parse("{{if .Size}}x{{end}}", &CONTAINERS).unwrap().uses("Size"));
    assert!(!Format::parse("", &CONTAINERS).unwrap().uses("Size"));
}

#[test]
fn inspect_prints_an_array_or_a_line_for_each() {
    let objects = [json!({"Id": "a", "Empty": [], "Deep": {"x": 1}}), json!({"Id": "b"})];
    let inspect = |format: &str| InspectFormat::parse(format).and_then(|format| format.render(&objects)).unwrap();
    assert_eq!(
        inspect(""),
        "[\n    {\n        \"Id\": \"a\",\n        \"Empty\": [],\n        \"Deep\": {\n            \"x\": 1\n        }\n    },\n    {\n        \"Id\": \"b\"\n    }\n]\n"
    );
    assert_eq!(inspect("json"), "[{\"Id\":\"a\",\"Empty\":[],\"Deep\":{\"x\":1}},{\"Id\":\"b\"}]\n");
    assert_eq!(inspect("{{.Id}}"), "a\nb\n");
    assert_eq!(InspectFormat::Indented.render(&[]).unwrap(), "[]\n");
}
