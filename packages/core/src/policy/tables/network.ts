import type { ProgramRow } from "../row.ts";

/** ssh_config(5): keywords that start a program or load one, in any case. `=`, blanks and quotes may stand round them. */
const SSH_KEYS =
  "proxycommand|localcommand|permitlocalcommand|knownhostscommand|pkcs11provider|securitykeyprovider|xauthlocation|remotecommand|smartcarddevice|proxyusefdpass|include|match";
const SSH_OPTION = `^\\s*"?\\s*(?:${SSH_KEYS})`;
const IN_SSH_OPTIONS = `(?:^|[\\s,"'=])(?:${SSH_KEYS}|ssh_command|ssh_protocol|sftp_server)\\s*[= ]`;

/** Programs that talk to other machines, fetch, and send. */
export const network: readonly ProgramRow[] = [
  {
    names: "ssh slogin autossh hpnssh",
    grammar: "getopt",
    follows: "shell",
    operands: [""],
    options: {
      flag: "-46AaCfGgKkMNnqsTtVvXxYy",
      value: "-BbcDEeFIiJLlmOopQRSWwP",
    },
    texts: [{ options: "-o", refuses: SSH_OPTION, finds: "exec" }],
    match: [
      "ssh host ls",
      "ssh -p 22 host -- ls",
      "ssh -oProxyCommand=ls host",
      "ssh -o 'proxycommand ls' h",
      "ssh -tt h sh",
    ],
    not_match: ["sshuttle --version", "ssh-keygen -l"],
  },
  {
    names: "scp sftp ssh-copy-id sshfs check_by_ssh sshuttle rsync-ssl ssh-keyscan pscp psftp plink",
    grammar: "getopt",
    options: { exec: "-SDe --ssh-cmd --proxycmd", file: "-F", value: "-PicJlXbH", flag: "-346ABCpqrTv" },
    texts: [
      { options: "-o", refuses: `${SSH_OPTION}|${IN_SSH_OPTIONS}`, finds: "exec" },
      { of: "operands", refuses: "^-o|ssh://-", finds: "exec" },
    ],
    match: [
      "scp -S ./x a b:c",
      "scp -oProxyCommand=ls a b:c",
      "scp -o 'ProxyCommand ls' a b:c",
      "scp -o '\"proxycommand\"=ls' a b:c",
      "sftp -D ./x",
      "ssh-copy-id -o ProxyCommand=ls x",
      "sshfs -o ssh_command=ls x: m",
      "sshfs -o ro,ProxyCommand=ls x: m",
      "scp -F /tmp/x a b:c",
    ],
    not_match: [
      "scp dist.tgz host:/tmp/",
      "scp -P 2222 -i key a host:b",
      "sftp -b batch.txt host",
      "scp -o StrictHostKeyChecking=no a b:c",
      "scp -oPort=22 a b:c",
    ],
  },
  {
    names: "ssh-keygen ssh-add",
    grammar: "getopt",
    options: { exec: "-Dws", value: "-tfNCbPOYInVZzrmaEFM", flag: "-lyLeipqvAHQUBck" },
    match: ["ssh-keygen -D /x.so", "ssh-add -s ./x.so", "ssh-keygen -w ./x.so -t ecdsa-sk"],
    not_match: ["ssh-keygen -t ed25519 -f key -N ''", "ssh-add -l", "ssh-keygen -lf key"],
  },
  {
    names: "rsync",
    grammar: "getopt",
    options: {
      exec: "--rsync-path",
      line: "-e --rsh",
      file: "--config",
      value:
        "-fBTM --filter --exclude --include --exclude-from --include-from --files-from --log-file --partial-dir --chmod --chown --port --remote-option",
      flag: "-avqcrRubdlLkKHpEAXogDtOJUNSnWxCymzhsPi0468 --archive --delete --daemon --no-detach",
    },
    texts: [{ options: "-e --rsh", refuses: "^\\s*(?!(?:/usr/bin/)?ssh(?:\\s|$))", finds: "exec" }],
    match: [
      "rsync -e 'sh -c ls' x: y",
      ["rsync", "-esh", "x:", "y"],
      "rsync --rsh=ls x: y",
      "rsync -av -e 'ssh -o ProxyCommand=ls' x: y",
      "rsync --rsync-path=ls x: y",
      "rsync -M--rsync-path=x --rsh=ls a b:c",
      "rsync -avze ls a b:c",
      "rsync --rsync-path 'sudo rsync' a b:c",
    ],
    not_match: [
      "rsync -av src/ dest/",
      "rsync -az --delete dist/ user@host:/srv/app/",
      "rsync '--exclude=*.sh' -a a b",
      "rsync -e ssh -av a host:b",
      "rsync -e 'ssh -p 2222' -a a host:b",
    ],
  },
  {
    names: "lftp lftpget httrack elinks",
    grammar: "getopt",
    options: { code: "-ce", file: "-f" },
    texts: [{ of: "arguments", refuses: "^-{1,2}eval$|^-V$|^--sys-exec", finds: "exec" }],
    match: ["lftp -c '!ls'", "lftp -e '!ls'", "elinks -eval x", "lftp -f /tmp/x"],
    not_match: ["lftp -f sync.lftp"],
  },
  {
    names: "curl curlie",
    grammar: "getopt",
    options: {
      exec: "--engine",
      file: "-K --config",
      value:
        "-AbcCdDeEFhHmoPQrtTuUwxXyYz --output --data --header --request --user --cookie --cookie-jar --referer --cert --form",
      flag: "-0123469aBfgGiIjJklLMnNOpqRsSvV",
    },
    match: ["curl -K - x", "curl -sK /tmp/x y", "curl --engine ./x y", "curl --conf /tmp/x y"],
    not_match: [
      "curl -fsSL -o x https://example.com/x",
      "curl -c jar -b jar https://example.com",
      "curl -e https://example.com https://example.com",
      "curl --continue-at - -O https://example.com/x",
      "curl -X POST -d a=b https://example.com",
    ],
  },
  {
    names: "wget wget2 aria2c axel lynx links w3m",
    grammar: "getopt",
    options: {
      exec: "--use-askpass --use-ask-pass",
      file: "--config --conf-path",
      value: "-aoOUPADIXQtTwlB --output-document --directory-prefix --gid --dir --out --header --post-data",
      flag: "-46bcdEFhHkKLmnNpqrSvVx --continue --no-clobber",
    },
    texts: [
      { options: "-e --execute", refuses: "askpass|^\\s*[^=\\s]*$|!|\\bshell\\b|\\bsystem\\b", finds: "exec" },
      { of: "arguments", refuses: "^--on-", finds: "exec" },
    ],
    match: [
      "wget --use-askpass=./x y",
      "wget --use-ask ./x y",
      "wget -e use_askpass=./x y",
      "wget --execute=use_askpass=./x y",
      "aria2c --on-download-complete=./x y",
      "aria2c --on-download-error ./x y",
      "wget -qe use_askpass=./x y",
    ],
    not_match: [
      "wget -q https://example.com/a.tgz",
      "wget -O out.tgz https://example.com/a.tgz",
      "wget -c https://example.com/x",
      "wget -e robots=off https://example.com",
      "aria2c https://example.com/x",
    ],
  },
  {
    names: "nc ncat netcat nc.openbsd nc.traditional pwncat cryptcat sbd",
    grammar: "getopt",
    options: {
      exec: "-ec --exec --sh-exec --lua-exec -g",
      value: "-pswiIOPqTVXx --source --wait",
      flag: "-46DdhklnNrStUuvzC --listen --keep-open",
    },
    match: ["nc -e /bin/sh x 1", "ncat --sh-exec ls x 1", "ncat -lk -e sh 1", "nc -c ls x 1", "ncat --ex=ls x 1"],
    not_match: ["nc -z localhost 80", "nc -vz -w 1 host 22"],
  },
  {
    names: "socat socat1 socket",
    grammar: "getopt",
    options: { value: "-bdtTlLp", exec: "-qf" },
    texts: [{ of: "operands", refuses: "(?:^|!!|\\s|,)\\s*(?:exec|system|shell|pty|goprsh)\\s*[:,]", finds: "shell" }],
    match: [
      "socat stdin exec:/bin/sh",
      "socat TCP-LISTEN:1 SYSTEM:ls",
      "socat - 'EXEC:\"sh\",pty'",
      "socat - 'STDIN!!exec:ls'",
      "socket -qvp 'sh -i' h 1",
    ],
    not_match: ["socat TCP-LISTEN:80,fork TCP:host:80"],
  },
  {
    names: "tcpdump",
    grammar: "getopt",
    options: { exec: "-z", value: "-wrisGWCcFTyVEBjmMQZ" },
    match: ["tcpdump -z ls -G 1 -w x", "tcpdump -lnzls -w x"],
    not_match: ["tcpdump -i lo -w x -c 1"],
  },
  {
    names:
      "tshark wireshark dumpcap sysdig csysdig nmap masscan ettercap bettercap mitmproxy mitmdump zeek snort suricata",
    grammar: "getopt",
    options: { exec: "-s --scripts", "exec-flag": "--interactive", value: "-iwYe", code: "--eval" },
    texts: [
      { options: "-X", refuses: "lua", finds: "exec" },
      { options: "--script", refuses: "/", finds: "exec" },
    ],
    match: [
      ["tshark", "-Xlua_script:./x.lua"],
      "tshark -X lua_script:./x",
      "nmap --script=./x.nse h",
      "nmap --interactive",
    ],
    not_match: ["tshark -r x.pcap", "nmap -p 80 host", "nmap --script=default host"],
  },
  {
    names: "openvpn",
    grammar: "words",
    options: {
      exec: "--up --down --tls-verify --ipchange --route-up --route-pre-down --client-connect --client-disconnect --learn-address --auth-user-pass-verify --tls-crypt-v2-verify --plugin --iproute --pkcs11-providers --engine --providers --dns-updown",
      file: "--config",
    },
    match: [
      "openvpn --dev null --script-security 2 --up 'sh -s'",
      "openvpn --plugin ./x.so",
      "openvpn --config /tmp/x",
    ],
    not_match: ["openvpn --version"],
  },
  {
    names: "pppd wvdial",
    grammar: "words",
    texts: [
      {
        of: "operands",
        refuses: "^(?:pty|connect|disconnect|init|welcome|plugin|call|file|ip-up-script|ip-down-script)$",
        finds: "exec",
      },
    ],
    match: ["pppd pty 'sh -c ls'", "pppd plugin ./x.so"],
    not_match: ["pppd --version"],
  },
  {
    names:
      "dnsmasq dhclient dhcpcd udhcpc wpa_cli hostapd_cli wpa_supplicant nginx apache2 apache2ctl httpd lighttpd caddy haproxy exim exim4 sendmail postfix postconf logrotate ddclient keepalived",
    grammar: "words",
    options: {
      exec: "--conf-script --dhcp-script --dhcp-luascript -sf -a -s --script -m --mail --exec -be -bs",
      code: "-g",
      file: "-c --config -f -C -cf --conf-file",
      cwd: "-p",
    },
    texts: [{ of: "arguments", refuses: "^-be$|^-O(?:Q|.*=.*\\|)", finds: "exec" }],
    match: [
      "dnsmasq --conf-script=ls",
      "dhclient -sf ./x",
      "wpa_cli -a ./x",
      "udhcpc -s ./x",
      "nginx -g 'load_module ./x.so;'",
      "nginx -c /tmp/x.conf",
      "logrotate -m ./x y",
    ],
    not_match: ["nginx -t", "nginx -c nginx.conf -t", "dnsmasq --test", "logrotate --version", "caddy run"],
  },
  {
    names:
      "mail mailx s-nail heirloom-mailx mutt neomutt alpine pine msmtp fetchmail getmail procmail maildrop swaks mpop isync mbsync offlineimap formail",
    grammar: "getopt",
    options: {
      exec: "--exec --passwordeval --mda --plugin --plugout --postconnect --preconnect -m",
      code: "-e",
      file: "-F -f --file",
      value: "-srcbqSti",
    },
    match: [
      "mail --exec='!ls'",
      "mutt -e 'source \"ls|\"'",
      "mutt -F /tmp/x",
      "msmtp --passwordeval=ls x",
      "fetchmail --mda ls",
      "procmail -m ./x",
      "mail --exe='!ls'",
    ],
    not_match: ["mail -s subject user@example.com", "mutt -s subject -a x -- user@example.com"],
  },
  {
    names: "yt-dlp youtube-dl youtube-dlc gallery-dl you-get streamlink",
    grammar: "getopt",
    options: {
      exec: "--exec --exec-before-download --exec-after --downloader --external-downloader --netrc-cmd --use-postprocessor --postprocessor-args --ppa --alias --player -p --player-args",
      file: "--config-location --config-locations --plugin-dirs --ffmpeg-location --load-info-json --config",
      value: "-fo --format --output",
      flag: "-x --extract-audio",
    },
    match: [
      "yt-dlp --exec ls x",
      "youtube-dl --exec=ls x",
      "yt-dlp --external-downloader sh x",
      "yt-dlp --netrc-cmd ls x",
      "yt-dlp --config-location /tmp/x y",
      "gallery-dl --exec ls x",
      "yt-dlp --exe ls x",
    ],
    not_match: ["yt-dlp -f best -o out.mp4 https://example.com/v", "yt-dlp -x https://example.com/v"],
  },
  {
    names: "certbot certbot-auto letsencrypt acme.sh dehydrated lego",
    grammar: "getopt",
    options: {
      exec: "-k --hook --pre-hook --post-hook --deploy-hook --renew-hook --manual-auth-hook --manual-cleanup-hook --reloadcmd --run-hook --notify-hook --challenge-hook",
      value: "-dm --domain --email",
    },
    match: [
      "certbot certonly --pre-hook ls",
      "certbot renew --deploy-hook=ls",
      "acme.sh --renew --reloadcmd ls",
      "certbot renew --deploy=ls",
    ],
    not_match: ["certbot certonly -n -d x --standalone", "certbot renew --dry-run"],
  },
  {
    names: "openssl gpg gpg2 gpgsm pkcs11-tool p11tool",
    grammar: "long",
    options: {
      exec: "engine agent-program dirmngr-program keyserver-program pinentry-program photo-viewer exec-path module load",
      file: "config options",
      value: "in out key cert passin passout u r o provider",
    },
    match: [
      "openssl req -engine ./x.so",
      "gpg --agent-program=./x -k",
      "gpg --photo-viewer ls --list-keys",
      "openssl req -config /tmp/x",
    ],
    not_match: [
      "openssl dgst -sha256 x",
      "openssl req -new -config openssl.cnf -out x",
      "gpg --verify x.asc",
      "gpg --batch -d x",
    ],
  },
];
