import type { Grammar, ProgramRow } from "../row.ts";

const anywhere: Grammar = { grammar: "getopt", follows: "anywhere" };
const shell: Grammar = { grammar: "getopt", follows: "shell", bare: "shell" };

const exec: Grammar = {
  grammar: "getopt",
  follows: "program",
  operands: [""],
  options: {
    optional: "-dit --detach --interactive --tty --privileged --help",
    value: "-euw --env --env-file --user --workdir --detach-keys --preserve-fds --cidfile",
  },
};

/** Options as of Docker 27 and Podman 5. */
const run: Grammar = {
  grammar: "getopt",
  follows: "program",
  operands: [""],
  options: {
    optional: [
      "-diPqt --detach --init --interactive --no-healthcheck --oom-kill-disable --privileged --publish-all --quiet",
      "--read-only --rm --sig-proxy --tty --disable-content-trust --use-api-socket --help --replace --env-host --http-proxy",
      "--no-hosts --no-hostname --passwd --rmi --tls-verify --read-only-tmpfs --all",
    ].join(" "),
    value: [
      "-acehlmpuvw --add-host --annotation --attach --blkio-weight --blkio-weight-device --cap-add --cap-drop",
      "--cgroup-parent --cgroupns --cidfile --cpu-count --cpu-percent --cpu-period --cpu-quota --cpu-rt-period",
      "--cpu-rt-runtime --cpu-shares --cpus --cpuset-cpus --cpuset-mems --detach-keys --device --device-cgroup-rule",
      "--device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-opt --dns-option",
      "--dns-search --domainname --env --env-file --expose --gpus --group-add --health-cmd --health-interval",
      "--health-retries --health-start-interval --health-start-period --health-timeout --hostname --io-maxbandwidth",
      "--io-maxiops --ip --ip6 --ipc --isolation --label --label-file --link --link-local-ip --log-driver --log-opt",
      "--mac-address --memory --memory-reservation --memory-swap --memory-swappiness --mount --name --net --net-alias",
      "--network --network-alias --oom-score-adj --pid --pids-limit --platform --publish --pull --restart --runtime",
      "--security-opt --shm-size --stop-signal --stop-timeout --storage-opt --sysctl --tmpfs --ulimit --user --userns",
      "--uts --volume --volume-driver --volumes-from --workdir --arch --os --variant --authfile --pod --pod-id-file",
      "--secret --timeout --timezone --umask --uidmap --gidmap --subuidname --subgidname --systemd --tz --unsetenv",
      "--unsetenv-all --conmon-pidfile --decryption-key --image-volume --hosts-file --init-ctr --init-path",
    ].join(" "),
    program: "--entrypoint",
  },
  texts: [{ options: "--health-cmd", refuses: "", finds: "shell" }],
};
const compose: Grammar = {
  grammar: "getopt",
  options: { value: "-fpc --file --project-name --profile --env-file --project-directory --ansi --progress" },
  subs: {
    exec: {
      ...exec,
      options: {
        optional: "-diT --detach --interactive --no-tty --no-TTY --privileged --tty --dry-run --help",
        value: "-euw --env --user --workdir --index",
      },
    },
    run: {
      ...run,
      options: {
        optional:
          "-diPTq --detach --build --interactive --no-deps --no-tty --no-TTY --quiet --quiet-build --quiet-pull --remove-orphans --rm --service-ports --use-aliases --dry-run --help",
        value:
          "-elpuvw --env --env-from-file --cap-add --cap-drop --label --name --publish --pull --user --volume --workdir",
        program: "--entrypoint",
      },
      texts: [],
    },
  },
};

/** What reaches into containers and other machines. */
export const containers: readonly ProgramRow[] = [
  {
    names: "docker podman nerdctl finch docker.io podman-remote",
    grammar: "getopt",
    foreign: true,
    options: {
      value:
        "-HclD --host --context --config --log-level --tlscacert --tlscert --tlskey --connection --url --identity --root --runroot --storage-driver --namespace --address",
    },
    subs: {
      exec,
      "run create": run,
      container: { grammar: "getopt", subs: { exec, "run create": run } },
      compose,
      unshare: anywhere,
      "sandbox machine": { grammar: "getopt", subs: { "exec ssh run": shell } },
      debug: shell,
      buildx: { grammar: "getopt", subs: { debug: shell } },
    },
    match: [
      "docker exec c sh -c ls",
      "docker exec -it -u root c bash",
      "docker run --rm alpine sh -c ls",
      "docker run --rm --entrypoint sh alpine -c ls",
      "docker run --rm --entrypoint=/bin/bash alpine",
      "docker run -v /:/mnt --rm -it alpine chroot /mnt sh",
      "docker container exec c sh",
      "docker --context x exec c sh",
      "docker compose exec web sh -c ls",
      "docker compose -f a.yml run --rm web sh",
      "podman unshare sh -c ls",
      "docker exec --unknown c ls",
    ],
    not_match: [
      "docker build -t app .",
      "docker build --build-arg SHELL=/bin/bash -t app .",
      "docker run --rm -v ./data:/data app:latest process --in /data/x",
      "docker exec app npm run migrate",
      "docker compose up -d",
      "docker compose logs --tail=50 web",
      "docker run --rm --network=host -e A=b -p 80:80 app",
    ],
  },
  {
    ...compose,
    names: "docker-compose podman-compose",
    match: ["docker-compose exec web sh", "docker-compose -f a.yml run web bash"],
    not_match: ["docker-compose up -d", "docker-compose run --rm web npm test"],
  },
  {
    names: "kubectl oc k3s microk8s minikube kubecolor ctr crictl lxc incus buildah kind k0s virtctl nomad-pack",
    grammar: "getopt",
    options: {
      value: "-nls --namespace --context --kubeconfig --cluster --user --server -p --profile",
      flag: "-v",
    },
    subs: {
      "exec run debug t task tasks container kubectl console": {
        grammar: "getopt",
        follows: "anywhere",
        subs: { "exec run": anywhere },
      },
      "rsh ssh shell": shell,
    },
    match: [
      "kubectl exec -it pod -- sh -c ls",
      "kubectl -n x exec pod -c web -- /bin/bash",
      "kubectl run x --image=alpine --command -- sh",
      "oc rsh pod",
      "ctr task exec --exec-id x c sh",
      "lxc exec c -- sh -c ls",
      "minikube ssh",
      "crictl exec c sh",
    ],
    not_match: [
      "kubectl get pods",
      "kubectl apply -f k8s/",
      "kubectl logs deploy/x",
      "kubectl exec pod -- npm run migrate",
      "lxc list",
      "oc get pods",
    ],
  },
  {
    names: "heroku platform kamal scalingo clever",
    grammar: "words",
    subs: {
      run: anywhere,
      "run:detached run:inside ps:exec ssh environment:ssh console bash": shell,
      app: { grammar: "words", subs: { exec: shell } },
      server: { grammar: "words", subs: { exec: shell } },
    },
    match: ["heroku run bash", "heroku run -a x -- python -c 1", "heroku ps:exec -a x", "kamal app exec ls"],
    not_match: ["heroku ps", "heroku run rake db:migrate", "heroku logs --tail"],
  },
  {
    names: "aws gcloud az gh glab fly flyctl vagrant tailscale doctl eb cf render hcloud ibmcloud oci dokku cdk",
    grammar: "words",
    inherit: true,
    subs: {
      "ecs eks": { grammar: "words", subs: { "execute-command": shell } },
      ssm: { grammar: "words", subs: { "start-session send-command": shell } },
      configure: {
        grammar: "words",
        texts: [{ of: "joined", refuses: "(?:cli_pager|credential_process)", finds: "exec" }],
      },
      "compute codespace codespaces cs vm alpha beta cloud-shell tpu tpus tpu-vm droplet network bastion": {
        grammar: "words",
        texts: [{ options: "--command -c -C --scripts", refuses: "", finds: "shell" }],
        subs: {
          "ssh run-command jupyter sftp": shell,
          "tpu-vm": { grammar: "words", subs: { ssh: shell } },
        },
      },
      "ssh console powershell winrm enter": shell,
      alias: {
        grammar: "words",
        options: { shell: "-s --shell" },
        texts: [{ of: "joined", refuses: "=!", finds: "shell" }],
      },
      "extension extensions ext": { grammar: "words", subs: { exec: anywhere } },
    },
    match: [
      "aws ecs execute-command --command sh --interactive",
      "aws ssm start-session --target x",
      "gcloud compute ssh x --command=ls",
      "gcloud compute ssh x -- ls",
      "gh codespace ssh -- ls",
      "gh alias set x '!sh -c ls'",
      "gh alias set --shell x ls",
      "fly ssh console -C ls",
      "vagrant ssh -c ls",
      "tailscale ssh x ls",
    ],
    not_match: [
      "aws s3 ls",
      "aws s3 cp dist/ s3://bucket/ --recursive",
      "gcloud compute instances list",
      "gcloud run deploy app --image gcr.io/p/app",
      "gh pr create --title x --body 'uses sh -c inside'",
      "gh run list --limit 5",
      "gh run watch 12",
      "gh alias list",
      "vagrant up",
      "tailscale status",
    ],
  },
];
