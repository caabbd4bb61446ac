//! Third-party servers.

use std::{
    fs::{self, Permissions},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A server process with its own folder, stopped and removed when dropped.
#[derive(Debug)]
pub struct Daemon {
    /// Address that it listens on.
    pub address: SocketAddr,
    process: Child,
    folder: TempDir,
}

// === impl Daemon ===

impl Daemon {
    /// Starts Varnish in front of `origin`, with this VCL after the definition of the backend.
    #[must_use]
    pub fn varnish(origin: SocketAddr, vcl: &str) -> Self {
        let (folder, address) = (folder(), free_address());
        let (host, port) = (origin.ip(), origin.port());
        let backend =
            format!("vcl 4.1;\nbackend origin {{ .host = \"{host}\"; .port = \"{port}\"; }}\n");
        let file = write(&folder, "cache.vcl", &format!("{backend}{vcl}"));
        let mut command = Command::new(find("varnishd", "varnish"));
        command
            .arg("-F")
            .arg("-n")
            .arg(folder.path().join("varnish"));
        command
            .arg("-a")
            .arg(address.to_string())
            .arg("-f")
            .arg(file);
        command.args(["-s", "malloc,16m"]);
        Self::start(command, folder, address)
    }

    /// Starts nginx with a cache in front of `origin`, with these directives in its `location`.
    #[must_use]
    pub fn nginx(origin: SocketAddr, directives: &str) -> Self {
        Self::nginx_with("", origin, directives)
    }

    /// Starts nginx in the same way, with a module if it has a name.
    ///
    /// # Panics
    ///
    /// If nginx or the module is not installed.
    #[must_use]
    pub fn nginx_with(module: &str, origin: SocketAddr, directives: &str) -> Self {
        let load = match module {
            "" => String::new(),
            module => format!("load_module {};", nginx_module(module).display()),
        };
        let (folder, address) = (folder(), free_address());
        let at = folder.path().display();
        let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {at}/{name};"))
            .join(" ");
        let conf = format!(
            "{load} daemon off; worker_processes 1; pid {at}/pid; error_log {at}/log;
             events {{ worker_connections 256; }}
             http {{
               access_log off; {temp}
               proxy_cache_path {at}/cache keys_zone=c:1m;
               server {{
                 listen {address};
                 location / {{ proxy_pass http://{origin}; proxy_cache c; {directives} }}
               }}
             }}"
        );
        let file = write(&folder, "nginx.conf", &conf);
        let mut command = Command::new(find("nginx", "nginx-light"));
        command
            .arg("-c")
            .arg(file)
            .arg("-e")
            .arg(folder.path().join("log"));
        Self::start(command, folder, address)
    }

    /// Starts Prometheus, which scrapes `/metrics` of `target` every second.
    #[must_use]
    pub fn prometheus(target: SocketAddr) -> Self {
        let (folder, address) = (folder(), free_address());
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs: [{{ job_name: scrimp, static_configs: [{{ targets: ['{target}'] }}] }}]
"
        );
        let file = write(&folder, "prometheus.yml", &config);
        let mut command = Command::new(find("prometheus", "prometheus"));
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--web.listen-address={address}"));
        let data = folder.path().join("data");
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        Self::start(command, folder, address)
    }

    /// Starts Redis, which keeps values as they are written.
    #[must_use]
    pub fn redis() -> Self {
        let (folder, address) = (folder(), free_address());
        let mut command = Command::new(find("redis-server", "redis-server"));
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--rdbcompression",
            "no",
        ]);
        command.arg("--port").arg(address.port().to_string());
        command.arg("--dir").arg(folder.path());
        Self::start(command, folder, address)
    }

    /// Returns the file of a program that a Debian package has.
    ///
    /// # Panics
    ///
    /// If it is not installed.
    #[must_use]
    pub fn find(name: &str, package: &str) -> PathBuf {
        find(name, package)
    }

    fn start(mut command: Command, folder: TempDir, address: SocketAddr) -> Self {
        let log = fs::File::create(folder.path().join("output")).expect("a file");
        let copy = log.try_clone().expect("a second handle");
        command.stdin(Stdio::null()).stdout(log).stderr(copy);
        let process = command.spawn().expect("the server to start");
        let mut daemon = Self {
            address,
            process,
            folder,
        };
        daemon.listens();
        daemon
    }

    /// Waits until it accepts connections, as an external process does not report its readiness.
    fn listens(&mut self) {
        while TcpStream::connect(self.address).is_err() {
            if let Ok(Some(status)) = self.process.try_wait() {
                let output = fs::read_to_string(self.folder.path().join("output"));
                panic!(
                    "the server ended with {status}: {}",
                    output.unwrap_or_default()
                );
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Returns the URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A signal lets it end its workers too; its state is not needed.
        let pid = self.process.id().to_string();
        let asked = Command::new("kill").arg(pid).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// Makes a folder that the user of the servers' workers can read.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let readable = Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), readable).expect("its own folder");
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("a file");
    path
}

/// Returns an address that was free just before.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address")
}

/// Returns the file of a module of nginx, as Debian installs it.
fn nginx_module(name: &str) -> PathBuf {
    let file = PathBuf::from(format!("/usr/lib/nginx/modules/{name}.so"));
    let package = name.trim_start_matches("ngx_").trim_end_matches("_module");
    let package = format!("libnginx-mod-{}", package.replace('_', "-"));
    assert!(
        file.is_file(),
        "{name} is missing: install it (Debian's package {package})"
    );
    file
}

fn find(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut files = folders.map(|folder| folder.join(name));
    let found = files.find(|file| Path::is_file(file));
    found.unwrap_or_else(|| panic!("{name} is missing: install it (Debian's package {package})"))
}
