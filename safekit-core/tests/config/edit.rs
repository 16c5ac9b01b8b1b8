//! One attribute is edited in the user's text, and nothing else.

use safekit_core::config::edit::{EditError, remove, set};

use super::{LINUX, parse_module};

/// As an editor on Windows leaves it, with all that an edit must not touch.
const TEXT: &str = "\u{feff}<?xml version='1.0'?>\r\n<!-- <service x=\"1\"> -->\r\n<safe>\r\n\
  <macro name='A' value=\"1\"/>\r\n  <service  boot = 'on'\r\n\t mode=\"farm\" ><!-- é -->\r\n\
  <farm><lan name=\"default\"/><lan\r\nname=\"private\"/></farm>\r\n<user/></service></safe>\r\n";

fn replaced(from: &str, to: &str) -> String {
    assert_eq!(TEXT.matches(from).count(), 1, "{from}");
    TEXT.replace(from, to)
}

#[test]
fn a_written_attribute_is_changed_in_its_place() {
    assert_eq!(set(TEXT, "safe/service", "boot", "auto").unwrap(), replaced("'on'", "'auto'"));
    assert_eq!(
        set(TEXT, "safe/service/farm/lan[2]", "name", "other").unwrap(),
        replaced("private", "other")
    );
    assert_eq!(set(TEXT, "safe[1]/macro", "value", "").unwrap(), replaced("\"1\"/>", "\"\"/>"));
}

#[test]
fn an_attribute_that_is_not_there_comes_last() {
    assert_eq!(
        set(TEXT, "safe/service", "maxloop", "5").unwrap(),
        replaced("mode=\"farm\" >", "mode=\"farm\" maxloop=\"5\" >")
    );
    assert_eq!(
        set(TEXT, "safe/service/user", "logging", "none").unwrap(),
        replaced("<user/>", "<user logging=\"none\"/>")
    );
}

#[test]
fn an_attribute_is_removed_with_the_space_before_it() {
    assert_eq!(
        remove(TEXT, "safe/service", "boot").unwrap(),
        replaced("<service  boot = 'on'", "<service")
    );
    assert_eq!(remove(TEXT, "safe/service", "mode").unwrap(), replaced("\r\n\t mode=\"farm\"", ""));
    assert_eq!(remove(TEXT, "safe/service", "drain").unwrap(), TEXT);
}

#[test]
fn what_was_set_is_read_back() {
    for value in ["a \"b\" 'c' <d> & %e", "\t\n\r é", "&amp;", "]]>", ""] {
        let text = LINUX.replace("<user ", "<user><var name=\"X\" value=\"old\"/></user><!--");
        let text = text.replace("logging=\"userlog\" />", "-->").replace("PROCESS_NAME", "p");
        let edited = set(&text, "safe/service/user/var", "value", value).unwrap();
        let config = parse_module(edited.as_bytes()).model.expect("accepted");
        assert_eq!(config.user.unwrap().vars, [("X".to_owned(), value.to_owned())], "{edited}");
        assert_eq!(set(&edited, "safe/service/user/var", "value", "old").unwrap(), text);
        // The same between quotes of the other kind.
        let single =
            set(&text.replace("\"old\"", "'old'"), "safe/service/user/var", "value", value);
        let config = parse_module(single.unwrap().as_bytes()).model.expect("accepted");
        assert_eq!(config.user.unwrap().vars, [("X".to_owned(), value.to_owned())]);
    }
}

#[test]
fn what_cannot_be_edited_is_refused() {
    let missing = |path: &str| match set(TEXT, path, "x", "1") {
        Err(EditError::NoElement { path: told }) => assert_eq!(told, path),
        other => panic!("{path}: {other:?}"),
    };
    for path in ["", "service", "safe/farm", "safe/service[0]", "safe/service[2]", "safe//farm"] {
        missing(path);
    }
    for path in ["safe/service[x]", "safe/service[1", "safe/service/", "safe/[1]", "cluster"] {
        missing(path);
    }
    for name in ["", "a b", "1a", "a=", "a\""] {
        assert!(matches!(set(TEXT, "safe", name, ""), Err(EditError::Name { .. })), "{name}");
    }
    let bell = set(TEXT, "safe", "a", "\u{7}");
    assert_eq!(bell, Err(EditError::Character { code: 7 }));
    let told = set("<safe>\n<service a=1/></safe>", "safe", "a", "1").unwrap_err().to_string();
    assert!(told.starts_with("file:2:12: error: "), "{told}");
}
