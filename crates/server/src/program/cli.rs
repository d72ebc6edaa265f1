//! The command line. Help is written for people, in English and Chinese.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{
    backup::{self, Backup},
    compare::{self, Compare},
    doctor::{self, Doctor},
    import::{self, Import},
    operator::Operator,
    questions::{self, Questions},
    record::{self, Record},
    restore::{self, Restore},
};
use crate::{
    apps::App,
    config::{Flags, Sources, file_limit},
};

/// A chat-room server that speaks LeanCloud's protocol: apps keep their SDK and change one server URL.
///
/// 自托管的聊天室服务器，兼容 LeanCloud 协议：应用保留原有 SDK，只需修改服务器地址。
#[derive(Debug, Parser)]
#[command(name = "grandstand", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples / 示例:
  grandstand serve
      Try it: makes a data folder and an app, prints its keys and the demo room.
      试用：创建数据目录和一个应用，并打印密钥和演示聊天室地址。
  grandstand serve --config grandstand.toml
      Run it with your apps. SIGHUP reloads apps, certificates and log level.
      正式运行。收到 SIGHUP 时重新加载应用、证书和日志级别。
  grandstand config check grandstand.toml
      Look for mistakes before a start or reload.
      启动或重新加载之前检查配置。
  grandstand config questions > grandstand.toml
      Coming from LeanCloud: its console settings as questions, a configuration as the answer.
      从 LeanCloud 迁移：逐项询问控制台设置，生成配置文件。
  grandstand doctor https://chat.example.com --app-id ID --app-key-file app.key
      Check a deployment from outside, as the SDKs see it.
      从外部检查部署。
  grandstand rooms list
      Ask a running server, here one that was started without configuration.
      查询正在运行的服务器。";

const SERVE_HELP: &str = "\
Every key of the configuration file can come from the environment: GRANDSTAND_SECTION__KEY=VALUE,
as in GRANDSTAND_SERVER__BIND=0.0.0.0:8080. Flags win over the environment, the environment over the file.
配置文件的每一项都可以用环境变量设置；优先级：命令行、环境变量、配置文件。

Paths are relative to the folder in which the program starts.
相对路径以程序启动时所在的目录为准。";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the server · 启动服务器
    #[command(after_help = SERVE_HELP)]
    Serve(Serve),
    /// Work with a configuration file · 处理配置文件
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Take rooms and history from an archive or from LeanCloud's export · 导入归档或 LeanCloud 导出的数据
    #[command(after_help = import::HELP)]
    Import(Import),
    /// Copy the data folder while its server runs · 在服务器运行时备份数据目录
    #[command(after_help = backup::HELP)]
    Backup(Backup),
    /// Make a data folder out of a backup · 从备份恢复数据目录
    #[command(after_help = restore::HELP)]
    Restore(Restore),
    /// Write down what an app and a server say to each other · 录制应用与服务器之间的通信
    #[command(after_help = record::HELP)]
    Record(Record),
    /// Say what a recording says to another server, and list what is answered otherwise · 用录制内容对比另一台服务器
    #[command(after_help = compare::HELP)]
    Compare(Compare),
    /// Check a deployment from outside, as the SDKs see it · 从外部检查部署
    #[command(after_help = doctor::HELP)]
    Doctor(Box<Doctor>),
    #[command(flatten)]
    Operator(Operator),
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say whether a configuration file can be used, and what is wrong with it · 检查配置文件
    Check {
        /// The file · 配置文件
        file: PathBuf,
    },
    /// Ask for the settings of an app's LeanCloud console, and print a configuration · 根据 LeanCloud 控制台设置生成配置文件
    #[command(after_help = questions::HELP)]
    Questions(Questions),
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Configuration file (TOML) · 配置文件
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Public address, 127.0.0.1:8080 by default; port 0 takes any free one · 对外地址；端口 0 表示任选
    #[arg(long, value_name = "ADDR:PORT")]
    bind: Option<SocketAddr>,
    /// Address for metrics, 127.0.0.1:8081 by default; keep it private · 监控地址，请勿公开
    #[arg(long, value_name = "ADDR:PORT")]
    admin_bind: Option<SocketAddr>,
    /// Data folder, ./grandstand-data by default · 数据目录
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// For tests, because others on this machine see arguments: an app to serve; may be repeated, the first one gets the
    /// demo room. Else put apps into the configuration file · 仅供测试（参数对本机其他用户可见）：应用，可重复
    #[arg(long = "app", value_name = "ID:KEY:MASTERKEY", value_parser = parse_app)]
    apps: Vec<App>,
    /// Whether clients are held to 60 messages a minute and so on · 是否限制客户端频率
    #[arg(long, value_name = "on|off", hide_possible_values = true)]
    client_limits: Option<Switch>,
    /// Log level: error, warn, info, debug, trace · 日志级别
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Serve {
    pub(super) fn into_sources(self) -> Sources {
        let mut apps = self.apps;
        if let Some(first) = apps.first_mut() {
            first.demo = true;
        }
        Sources {
            file: self.config,
            environment: environment(),
            flags: Flags {
                bind: self.bind,
                admin_bind: self.admin_bind,
                data: self.data,
                apps,
                client_limits: self.client_limits.map(|switch| switch == Switch::On),
                log: self.log,
            },
            file_limit: file_limit(),
        }
    }
}

/// The environment, less what is not UTF-8: no setting of ours could be among that.
pub(super) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn parse_app(text: &str) -> Result<App, String> {
    match text.split(':').collect::<Vec<_>>()[..] {
        [id, key, master_key] if ![id, key, master_key].contains(&"") => Ok(App::new(id, key, master_key)),
        _ => Err("an app is written ID:KEY:MASTERKEY".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_app_has_three_parts() {
        let app = parse_app("id:key:master").unwrap();
        assert_eq!((app.id.as_str(), app.key.reveal(), app.master_key.reveal()), ("id", "key", "master"));
        for text in ["", "id", "id:key", "id:key:", "id:key:master:more", "::"] {
            assert!(parse_app(text).is_err(), "{text:?}");
        }
    }
}
