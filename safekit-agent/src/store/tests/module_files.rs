//! Installing and configuring modules on a real disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use safekit_core::config::cluster;
use safekit_core::config::model::ClusterConfig;
use safekit_core::ids::MODULES_MAX;
use safekit_core::module::script::Script;

use super::{TestRoot, mode, module};
use crate::store::module::{
    Replace, confcheck, configure, configured, confinfo, environment, install, list, load_active,
    uninstall,
};
use crate::store::package::Package;
use crate::store::{Layout, StoreError, apply, files};

const XML: &str =
    r#"<safe><service mode="farm"><farm><lan name="default"/></farm><user/></service></safe>"#;

fn package() -> Package {
    let mut package = Package::default();
    package.insert("conf/userconfig.xml", XML.into());
    package.insert("bin/prestart", b"#!/bin/sh\n".to_vec());
    package.insert("bin/start_both", b"#!/bin/sh\nexit 0\n".to_vec());
    package
}

fn safe_file(root: &TestRoot, package: &Package) -> PathBuf {
    let path = root.path().join("given.safe");
    fs::write(&path, package.to_bytes().unwrap()).unwrap();
    path
}

fn some_cluster() -> ClusterConfig {
    let xml = r#"<cluster><lans><lan name="default"><node name="n1" addr="10.0.0.1"/><node name="n2" addr="10.0.0.2"/></lan></lans></cluster>"#;
    cluster::parse("cluster.xml", xml.as_bytes()).model.unwrap()
}

fn installed(name: &str) -> (TestRoot, Layout) {
    let root = TestRoot::new();
    let layout = root.layout();
    install(&layout, &module(name), Some(&safe_file(&root, &package())), Replace::No).unwrap();
    (root, layout)
}

fn edit(layout: &Layout, file: &str, text: &str) {
    fs::write(layout.module(&module("web")).join(file), text).unwrap();
}

#[test]
fn a_module_is_installed_configured_and_found_again() {
    let (_root, layout) = installed("web");
    let web = module("web");
    assert_eq!(mode(&layout.module(&web).join("bin/prestart")), 0o750);
    let found = list(&layout).unwrap();
    assert_eq!((found[0].id, found[0].configured, found[0].mode.is_some()), (1, false, true));
    assert_eq!(load_active(&layout, &web).unwrap(), None);
    let (config, warnings) = configure(&layout, &web, Some(&some_cluster())).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    let active = load_active(&layout, &web).unwrap().unwrap();
    assert_eq!(active.config, config);
    assert_eq!(active.scripts, BTreeSet::from([Script::Prestart, Script::StartBoth]));
    assert_eq!(mode(&layout.active(&web).join("bin/prestart")), 0o550);
    assert_eq!(mode(&layout.active(&web).join("conf/safeconf.xml")), 0o440);
    assert!(list(&layout).unwrap()[0].configured);
    assert_eq!(configured(&layout).unwrap(), [module("web")]);
    let info = confinfo(&layout, &web).unwrap();
    assert_eq!(info.active.unwrap().signature, info.current.unwrap().signature);
    edit(&layout, "conf/userconfig.xml", &XML.replace("<service ", "<service maxloop=\"7\" "));
    let info = confinfo(&layout, &web).unwrap();
    assert_ne!(info.active.unwrap().signature, info.current.unwrap().signature);
    assert_eq!(
        load_active(&layout, &web).unwrap().unwrap().config,
        config,
        "editing changes nothing in force"
    );
}

#[test]
fn a_name_is_installed_once_unless_it_is_replaced_and_keeps_its_id() {
    let (root, layout) = installed("web");
    let source = safe_file(&root, &package());
    assert_eq!(install(&layout, &module("db"), Some(&source), Replace::No).unwrap().0, 2);
    let error = install(&layout, &module("web"), Some(&source), Replace::No).unwrap_err();
    assert!(error.to_string().contains("-r"), "{error}");
    let mut other = package();
    other.retain(|file| file != "bin/prestart");
    let source = safe_file(&root, &other);
    assert_eq!(install(&layout, &module("web"), Some(&source), Replace::Yes).unwrap().0, 1);
    assert!(!layout.module(&module("web")).join("bin/prestart").exists());
    uninstall(&layout, &module("web")).unwrap();
    assert_eq!(install(&layout, &module("third"), Some(&source), Replace::No).unwrap().0, 1);
}

#[test]
fn a_folder_or_the_package_of_the_name_is_installed_too() {
    let root = TestRoot::new();
    let layout = root.layout();
    let folder = root.path().join("folder");
    fs::create_dir_all(folder.join("conf")).unwrap();
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(folder.join("conf/userconfig.xml"), XML).unwrap();
    fs::write(folder.join("bin/start_both"), "echo no interpreter\n").unwrap();
    fs::write(folder.join("README"), "x").unwrap();
    let (_, warnings) = install(&layout, &module("web"), Some(&folder), Replace::No).unwrap();
    assert!(warnings[0].ends_with("README"), "{warnings:?}");
    assert!(!layout.module(&module("web")).join("README").exists());
    assert_eq!(mode(&layout.module(&module("web")).join("bin/start_both")), 0o750);
    assert!(
        install(&layout, &module("farm"), None, Replace::No)
            .unwrap_err()
            .to_string()
            .contains("farm.safe")
    );
    let generic = layout.packages().join("generic/farm.safe");
    fs::write(generic, package().to_bytes().unwrap()).unwrap();
    install(&layout, &module("farm"), None, Replace::No).unwrap();
}

#[test]
fn what_is_no_module_leaves_nothing() {
    let root = TestRoot::new();
    let layout = root.layout();
    let mut below = Package::default();
    below.insert("farm/conf/userconfig.xml", XML.into());
    let error =
        install(&layout, &module("web"), Some(&safe_file(&root, &below)), Replace::No).unwrap_err();
    assert!(error.to_string().contains("below the folder 'farm'"), "{error}");
    let mut none = Package::default();
    none.insert("bin/start_both", Vec::new());
    install(&layout, &module("web"), Some(&safe_file(&root, &none)), Replace::No).unwrap_err();
    install(&layout, &module("web"), Some(&root.path().join("missing")), Replace::No).unwrap_err();
    assert_eq!(list(&layout).unwrap(), []);
    assert_eq!(fs::read_dir(layout.modules()).unwrap().count(), 1, "lastconfig only");
}

#[test]
fn there_are_at_most_as_many_modules_as_there_may_be() {
    let root = TestRoot::new();
    let layout = root.layout();
    let source = safe_file(&root, &package());
    for index in 0..MODULES_MAX {
        install(&layout, &module(&format!("m{index}")), Some(&source), Replace::No).unwrap();
    }
    let error = install(&layout, &module("more"), Some(&source), Replace::No).unwrap_err();
    assert!(error.to_string().contains("32 modules"), "{error}");
    install(&layout, &module("m3"), Some(&source), Replace::Yes).unwrap();
}

#[test]
fn names_with_the_same_key_are_refused() {
    // Two names whose SHA-256 begins with the same four bytes.
    let (one, other) = colliding();
    let root = TestRoot::new();
    let layout = root.layout();
    let source = safe_file(&root, &package());
    install(&layout, &module(&one), Some(&source), Replace::No).unwrap();
    let error = install(&layout, &module(&other), Some(&source), Replace::No).unwrap_err();
    assert!(error.to_string().contains("same key"), "{error}");
}

/// Finds two names with the same key: about 80,000 tries.
fn colliding() -> (String, String) {
    let mut seen = std::collections::BTreeMap::new();
    for index in 0..1_000_000 {
        let name = format!("m{index}");
        if let Some(other) = seen.insert(module(&name).key(), name.clone()) {
            return (other, name);
        }
    }
    panic!("no two names with the same key");
}

#[test]
fn faults_change_nothing_in_force() {
    let (_root, layout) = installed("web");
    let web = module("web");
    let cluster = some_cluster();
    assert!(matches!(configure(&layout, &web, None), Err(StoreError::Refused(_))));
    configure(&layout, &web, Some(&cluster)).unwrap();
    let before = load_active(&layout, &web).unwrap();
    for wrong in [
        "<safe>",
        "",
        &XML.replace("default", "other"),
        &XML.replace("<user/>", "<user logging=\"x\"/>"),
    ] {
        edit(&layout, "conf/userconfig.xml", wrong);
        let error = configure(&layout, &web, Some(&cluster)).unwrap_err();
        let StoreError::Configuration { diagnostics } = error else { panic!("{error}") };
        assert!(diagnostics[0].contains("userconfig.xml:1:"), "{diagnostics:?}");
        assert!(confcheck(&layout, &web, Some(&cluster)).is_err());
        assert_eq!(load_active(&layout, &web).unwrap(), before);
    }
    assert!(confinfo(&layout, &web).unwrap().current.is_none());
    assert_eq!(list(&layout).unwrap()[0].mode, None);
}

#[test]
fn a_checker_whose_program_is_missing_is_refused() {
    let (_root, layout) = installed("web");
    let (web, cluster) = (module("web"), some_cluster());
    let custom = r#"<check><custom ident="own" exec="check_web" when="both"/></check><user/>"#;
    edit(&layout, "conf/userconfig.xml", &XML.replace("<user/>", custom));
    let refused = confcheck(&layout, &web, Some(&cluster)).unwrap_err().to_string();
    assert!(refused.contains("userconfig.xml:1:"), "{refused}");
    assert!(refused.contains("there is no file bin/check_web"), "{refused}");
    assert!(configure(&layout, &web, Some(&cluster)).is_err());
    edit(&layout, "bin/check_web", "#!/bin/sh\n");
    let warnings = confcheck(&layout, &web, Some(&cluster)).unwrap();
    assert!(warnings.iter().any(|warning| warning.contains("without effect yet")), "{warnings:?}");
}

#[test]
fn a_class_that_no_script_enables_is_warned_of() {
    let (_root, layout) = installed("web");
    let errd = r#"<errd><proc name="x" class="batch"/></errd><user/>"#;
    edit(&layout, "conf/userconfig.xml", &XML.replace("<user/>", errd));
    let told = || {
        let warnings = confcheck(&layout, &module("web"), Some(&some_cluster())).unwrap();
        warnings.iter().any(|warning| warning.contains("no script enables the class 'batch'"))
    };
    for (script, idle) in [
        ("#!/bin/sh\n", true),
        ("#!/bin/sh\n$SAFE/safekit errd enable other\n", true),
        ("#!/bin/sh\n$SAFE/safekit errd disable batch\n", true),
        ("#!/bin/sh\n$SAFE/safekit errd enable \"batch\"\n", false),
        ("#!/bin/sh\n$SAFE/safekit errd enable $CLASS\n", false),
    ] {
        edit(&layout, "bin/start_both", script);
        assert_eq!(told(), idle, "{script}");
    }
}

#[test]
fn scripts_that_cannot_start_are_named() {
    let (_root, layout) = installed("web");
    edit(&layout, "bin/prestart", "#!/bin/sh\r\nexit 0\r\n");
    edit(&layout, "bin/start_both", "echo\n");
    let warnings = confcheck(&layout, &module("web"), Some(&some_cluster())).unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("bin/prestart:1: warning: the line ends with CR LF"));
    assert!(warnings[1].contains("bin/start_both:1: warning: the script cannot be started"));
    edit(&layout, "conf/userconfig.xml", &XML.replace("<user/>", ""));
    let warnings = confcheck(&layout, &module("web"), Some(&some_cluster())).unwrap();
    assert!(warnings.iter().any(|line| line.contains("<user> is missing")), "{warnings:?}");
}

#[test]
fn a_new_configuration_keeps_the_folder_and_removes_what_is_gone() {
    let (_root, layout) = installed("web");
    let web = module("web");
    fs::create_dir(layout.module(&web).join("bin/sub")).unwrap();
    edit(&layout, "bin/sub/one", "1");
    configure(&layout, &web, Some(&some_cluster())).unwrap();
    let bin = fs::File::open(layout.active(&web).join("bin")).unwrap();
    fs::remove_dir_all(layout.module(&web).join("bin/sub")).unwrap();
    edit(&layout, "bin/sub", "a file where a folder was");
    edit(&layout, "bin/start_both", "#!/bin/sh\nexit 1\n");
    configure(&layout, &web, Some(&some_cluster())).unwrap();
    use std::os::unix::fs::MetadataExt;
    let now = fs::metadata(layout.active(&web).join("bin")).unwrap();
    assert_eq!(
        bin.metadata().unwrap().ino(),
        now.ino(),
        "an application keeps its working directory"
    );
    assert_eq!(
        fs::read_to_string(layout.active(&web).join("bin/sub")).unwrap(),
        "a file where a folder was"
    );
    assert!(
        fs::read_to_string(layout.active(&web).join("bin/start_both")).unwrap().contains("exit 1")
    );
    fs::remove_file(layout.module(&web).join("bin/sub")).unwrap();
    fs::create_dir(layout.module(&web).join("bin/sub")).unwrap();
    edit(&layout, "bin/sub/two", "2");
    configure(&layout, &web, Some(&some_cluster())).unwrap();
    assert_eq!(fs::read_to_string(layout.active(&web).join("bin/sub/two")).unwrap(), "2");
}

#[test]
fn a_crash_while_applying_is_brought_to_its_end_at_the_next_start() {
    let root = TestRoot::new();
    let layout = root.layout();
    let folder = layout.active(&module("web"));
    apply::apply(&package(), &folder).unwrap();
    // A folder as a crash leaves it: committed, one file moved already, the others not.
    let mut next = Package::default();
    next.insert("files/bin/start_both", b"new".to_vec());
    next.insert("list", br#"["bin/start_both","conf/moved"]"#.to_vec());
    let place = folder.with_file_name(".next.web");
    next.write_folder(&place, crate::store::package::Access::Editable).unwrap();
    fs::write(folder.join("conf/moved"), "moved").unwrap();
    assert!(layout.lay_out(None).unwrap().iter().all(|line| !line.contains("web")));
    let found = Package::read_folder(&folder).unwrap();
    let names: Vec<&str> = found.files().map(|(name, _)| name).collect();
    assert_eq!(names, ["bin/start_both", "conf/moved"]);
    assert!(!place.exists());
    // One that is damaged is named, and stops nothing.
    fs::create_dir(&place).unwrap();
    let lines = layout.lay_out(None).unwrap();
    assert!(lines.iter().any(|line| line.contains("module web was interrupted")), "{lines:?}");
}

#[test]
fn the_last_three_configurations_are_kept() {
    let (_root, layout) = installed("web");
    let web = module("web");
    files::write_atomic(&layout.last_configs().join("web_2_2020-01-01_000000000.safe"), b"", 0o640)
        .unwrap();
    for index in 0..5 {
        edit(&layout, "bin/start_both", &format!("#!/bin/sh\nexit {index}\n"));
        configure(&layout, &web, Some(&some_cluster())).unwrap();
    }
    let entries = fs::read_dir(layout.last_configs()).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let (other, ours): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| name.starts_with("web_2_"));
    assert_eq!(other.len(), 1, "another module's are left alone");
    assert!(ours.len() <= 3 && !ours.is_empty());
    let last = Package::read_file(&layout.last_configs().join(ours.last().unwrap())).unwrap();
    assert_eq!(last.file("bin/start_both").unwrap().bytes, b"#!/bin/sh\nexit 4\n");
}

#[test]
fn what_is_uninstalled_leaves_a_package_and_no_traces() {
    let (_root, layout) = installed("web");
    let web = module("web");
    configure(&layout, &web, Some(&some_cluster())).unwrap();
    let backup = uninstall(&layout, &web).unwrap();
    assert_eq!(Package::read_file(&backup).unwrap().files().count(), 3);
    assert!(!layout.active(&web).exists() && !layout.uservar(&web).exists());
    uninstall(&layout, &web).unwrap_err();
    assert_eq!(list(&layout).unwrap(), []);
    // One that cannot be packed is kept as a folder.
    install(&layout, &web, Some(&backup), Replace::No).unwrap();
    std::os::unix::fs::symlink("/etc", layout.module(&web).join("bin/link")).unwrap();
    let kept = uninstall(&layout, &web).unwrap();
    assert!(kept.join("conf/userconfig.xml").is_file());
}

#[test]
fn macros_see_the_variables_of_the_module() {
    let (_root, layout) = installed("web");
    let web = module("web");
    let xml =
        XML.replace("<user/>", "<user><var name=\"DATA\" value=\"%SAFEUSERVAR%/data\"/></user>");
    edit(&layout, "conf/userconfig.xml", &xml);
    configure(&layout, &web, Some(&some_cluster())).unwrap();
    let vars = load_active(&layout, &web).unwrap().unwrap().config.user.unwrap().vars;
    let expected = layout.uservar(&web).join("data").to_str().unwrap().to_owned();
    assert_eq!(vars, [("DATA".to_owned(), expected)]);
    assert_eq!(environment(&layout, &web).len(), 7);
}
