# What agentos.sh checks: check COMMAND SCRIPT LINE... Sourced. What their authors left out prints their own words for it.
# shellcheck shell=sh disable=SC2016

# The shell.
check sh 'echo one | cat | tr a-z A-Z' ONE
check sh 'printf "b\na\nc\n" | sort | head -n 2 | wc -l' 2
check sh 'echo $((6 * 7)) $((7 / 2)) $((1 << 4)) $((5 > 3))' '42 3 16 1'
check sh '(exit 3); echo $?; (echo in; exit 4) | cat; echo $?; false; echo $?' 3 in 0 1
check sh 'for i in a b c; do printf "%s." $i; done; echo; i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i' a.b.c. 3
check sh 'until false; do echo once; break; done; case abc in a*) echo a;; *) echo other;; esac' once a
check sh 'f() { echo "$1-$#"; return 5; }; f x y; echo $?' x-2 5
check sh 'echo out > f; echo more >> f; cat < f; echo err 1>&2; echo both > g 2>&1; cat g' out more err both
check sh 'cat <<X
sum $((2 + 2))
X
cat <<"X"
$HOME
X' 'sum 4' '$HOME'
check sh 'exec 3> f; echo three >&3; exec 3>&-; cat f; exec 4< f; read line <&4; echo "$line"' three three
check sh 'nosuch 2> e; echo $?; cut -d" " -f2- e' 127 'command not found: nosuch'
check sh 'echo x > f; chmod 644 f; ./f 2> e; echo $?; cut -d" " -f2- e' 126 "failed to execute command './f': Permission denied (os error 2)"
check sh 'printf "\001\002" > f; chmod 755 f; ./f 2> e; echo $?; cut -d" " -f2- e' 126 "failed to execute command './f': Exec format error (os error 45)"
check sh 'printf "#!/bin/sh\necho script \$1\n" > f; chmod 755 f; ./f arg' 'script arg'
check sh 'printf "#!/no/such\n" > f; chmod 755 f; ./f 2> e; echo $?; cut -d" " -f2- e' 127 'command not found: ./f'
check sh 'true && echo and; false || echo or; ! false; echo $?' and or 0
check sh 'x=$(echo a; echo b); echo "$x"; echo ${x#a}' a b b
check sh 'a=1 sh -c "echo \$a"; echo ${a:-unset}; export b=2; sh -c "echo \$b"' 1 unset 2
check sh 'touch a1 a2 b1; echo a*; echo *.none' 'a1 a2' '*.none'
check sh 'sleep 30 & p=$!; kill $p; wait $p; echo $?' 143
check sh 'sh -c "kill -9 \$\$"; echo $?; sh -c "kill -PIPE \$\$"; echo $?' 137 141
check sh 'sh -c "exit 7" & wait $!; echo $?; wait; echo $?' 7 0
check sh 'yes | head -n 1; echo ${PIPESTATUS[0]}' y 141
check sh 'mkdir d; cd d; pwd; (cd ..; pwd); pwd; cd ..; ls' /tmp/x/d /tmp/x /tmp/x/d d
check sh 'umask 027; echo x > f; mkdir d; stat -c %a f d; umask' 640 750 0027
check sh 'exec echo replaced; echo never' replaced
check sh 'read a b <<X
1 2 3
X
echo "$b $a"' '2 3 1'
check sh 'seq 1000 | while read n; do s=$((s + n)); [ $n = 1000 ] && echo $s; done' 500500
check sh 'i=0; while [ $i -lt 30 ]; do (true | false | true); i=$((i+1)); done; echo $i' 30
check bash 'bash -c "a=(1 2 3); echo \${a[1]} \${#a[@]}; [[ abc =~ b ]] && echo match"' '2 3' match

# Files: those of a lower layer are copied on the first write, and the layer stays as it was (agentos.sh runs each check in a fresh container).
check cat 'cat /etc/group; echo last >> /etc/group; tail -n 1 /etc/group' root:x:0: users:x:1000:user last
check cat 'cat /etc/group' root:x:0: users:x:1000:user
check cat 'cat nofile; echo $?' 'cat: nofile: No such file or directory' 1
check cp 'echo a > f; cp f g; cat g; mkdir d; cp f d; cp -r d e; cat e/f; cp -p /etc/passwd p; cmp p /etc/passwd && echo same' a a same
check mv 'echo a > f; mv f g; ls; mkdir d; mv g d; ls d; mv d e; ls' g g e
check rm 'touch a b; mkdir -p d/e; rm a; rm -r d; ls; rm nofile; echo $?' b "rm: cannot remove 'nofile': No such file or directory" 1
check rm 'mkdir d; i=0; for i in $(seq 150); do : > d/f$i; done; rm -r d; ls' ''
check mkdir 'mkdir -p a/b/c; mkdir a; echo $?; ls a/b' 'mkdir: a: File exists' 1 c
check rmdir 'mkdir d; rmdir d; ls; mkdir -p e/f; rmdir e; echo $?' "rmdir: failed to remove 'e': Directory not empty" 1
check ls 'echo abc > f; chmod 640 f; ln -s f l; ls -l | cut -d" " -f1-5; ls -1' 'total 5' '-rw-r----- 1 root root 4' 'lrwxrwxrwx 1 root root 1' f l
check ls 'ls /nofile; echo $?' "ls: cannot access '/nofile': No such file or directory" 2
check dir 'touch a b; dir' a b
check vdir 'touch a; vdir -l | cut -c1-10' 'total 0' '-rw-r--r--'
check ln 'echo a > f; ln -s f s; readlink s; cat s; ln -sf g s; readlink s' f a g
check unlink 'touch f; unlink f; ls' ''
check touch 'touch -d 2020-01-02T03:04:05Z f; stat -c %Y f' 1577934245
check chmod 'touch f; chmod 4711 f; stat -c "%a %A" f; chmod u-s,go+r f; stat -c %a f' '4711 -rws--x--x' 755
check chown 'echo a > f; chmod 600 f; chown user:users f; su user -c "cat f"; chown 0 f; su user -c "cat f"' a 'cat: f: Permission denied'
check chgrp 'echo a > f; chmod 640 f; chgrp users f; su user -c "cat f"' a
check stat 'printf abc > f; stat -c "%s %F %h" f; stat -c %F /dev/null /tmp' '3 regular file 1' 'character special file' directory
check truncate 'truncate -s 10 f; stat -c %s f; truncate -s 3 f; stat -c %s f' 10 3
check mktemp 'f=$(mktemp); [ -f "$f" ] && echo made; d=$(mktemp -d); [ -d "$d" ] && echo made' made made
check readlink 'ln -s /a/b l; readlink l; mkdir d; ln -s d e; readlink -f e' /a/b /tmp/x/d
check realpath 'mkdir d; realpath d/../d' /tmp/x/d
check dd 'printf 0123456789 | dd bs=2 skip=1 count=2 2> /dev/null; echo; dd if=/dev/zero of=f bs=1k count=4 2> /dev/null; stat -c %s f' 2345 4096
check shred 'echo secret > f; shred -u f; ls' ''
check split 'seq 4 | split -l 2; cat xaa; cat xab' 1 2 3 4
check df 'df /dev/shm | tail -n 1' 'shm 65536 0 65536 0% /dev/shm'
check du 'mkdir d; du -s d | cut -f2' d
check mount 'mount; echo $?' 'mount: expected [source] target' 32
check findmnt 'findmnt | head -n 1' 'SOURCE TARGET FSTYPE OPTIONS'
check sync 'sync; echo $?' 0

# Text.
check tac 'seq 3 > f; tac f' 3 2 1
check head 'seq 10 | head -n 2; seq 10 | head -c 4' 1 2 1 2
check tail 'seq 10 | tail -n 2; seq 5 | tail -n +4' 9 10 4 5
check wc 'printf "a b\nc\n" | wc; printf abc > f; wc -c f' '      2       3       6' '3 f'
check cut 'echo a:b:c | cut -d: -f2; echo abcdef | cut -c2-3' b bc
check tr 'echo hello | tr a-y b-z; echo aabb | tr -s a; echo abc | tr -d b' ifmmp abb ac
check sort 'printf "10\n9\n1\n" | sort; printf "10\n9\n1\n" | sort -n; printf "a 2\nb 1\n" | sort -k2' 1 10 9 1 9 10 'b 1' 'a 2'
check sort 'seq 20000 | sort -R | sort -n | sha256sum; seq 20000 | sha256sum | cut -c1-8' \
    'f6351f5ead9a700e34275480b3856ea738122a7c57bdeb744a631251c069587a  -' f6351f5e
check uniq 'printf "a\na\nb\n" | uniq -c' '      2 a' '      1 b'
check comm 'printf "a\nb\n" > 1; printf "b\nc\n" > 2; comm -12 1 2' b
check join 'printf "1 a\n2 b\n" > 1; printf "1 x\n2 y\n" > 2; join 1 2' '1 a x' '2 b y'
check paste 'seq 2 > 1; seq 3 4 > 2; paste -d, 1 2' 1,3 2,4
check nl 'printf "a\nb\n" | nl' '     1	a' '     2	b'
check od 'printf AB | od -An -tx1' ' 41 42'
check fmt 'printf "a b\nc\n" | fmt' 'a b c'
check fold 'echo abcdef | fold -w 3' abc def
check expand 'printf "a\tb\n" | expand -t 4' 'a   b'
check unexpand 'echo "        a" | unexpand' '	a'
check column 'printf "a b\nccc d\n" | column -t' 'a    b' 'ccc  d'
check rev 'echo abc | rev' cba
check seq 'seq -s, 1 3; seq 5 -2 1' 1,2,3 5 3 1
check shuf 'seq 100 | shuf | sort -n | head -n 1; shuf -i 5-5' 1 5
check tsort 'printf "a b\nb c\n" | tsort' a b c
check ptx 'echo "x y" | ptx | wc -l' 2
check tee 'echo a | tee f; cat f' a a
check more 'echo text | more' text
check strings 'printf "\001\002readable\003" > f; strings f' readable
check numfmt 'numfmt --to=iec 2048' 2.0K
check dircolors 'dircolors -b | head -c 10; echo' LS_COLORS=
check base64 'printf abc | base64; echo YWJj | base64 -d; echo' YWJj abc
check base32 'printf abc | base32' MFRGG===
check basenc 'printf abc | basenc --base16' 616263
check cmp 'echo a > f; echo b > g; cmp f f && echo same; cmp f g; echo $?' same 'f g differ: byte 1, line 1' 1
check cksum 'printf abc | cksum' '1219131554 3'
check sum 'printf abc | sum' '16556     1'
check md5sum 'printf abc | md5sum' '900150983cd24fb0d6963f7d28e17f72  -'
check sha1sum 'printf abc | sha1sum' 'a9993e364706816aba3e25717850c26c9cd0d89d  -'
check sha224sum 'printf abc | sha224sum' '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7  -'
check sha256sum 'printf abc | sha256sum; printf abc > f; sha256sum f > s; sha256sum -c s' 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -' 'f: OK'
check sha384sum 'printf abc | sha384sum | cut -c1-16' cb00753f45a35e8b
check sha512sum 'printf abc | sha512sum | cut -c1-16' ddaf35a193617aba
check b2sum 'printf abc | b2sum | cut -c1-16' ba80a53f981c4d0d

# Small things.
check '[' '[ -d /tmp ] && [ ! -e /nofile ] && /bin/[ 1 -lt 2 ] && echo yes' yes
check test '/bin/test -x /bin/sh -a -r /etc/passwd && echo yes; touch f; chmod 600 f; /bin/test -x f || echo no' yes no
check true '/bin/true; echo $?' 0
check false '/bin/false; echo $?' 1
check echo '/bin/echo -n a; /bin/echo -e "b\tc"' 'ab	c'
check printf '/bin/printf "%05d|%s|%x\n" 42 a 255' '00042|a|ff'
check pwd '/bin/pwd; mkdir d; cd d; /bin/pwd' /tmp/x /tmp/x/d
check basename 'basename /a/b.c .c' b
check dirname 'dirname /a/b/c' /a/b
check expr 'expr 6 \* 7; expr 3 \> 2' 42 1
check bc 'echo "2+3*4; 10/4" | bc' 14 2
check factor 'factor 360' '360: 2 2 2 3 3 5'
check yes 'yes no | head -n 2' no no
check date 'date -u -d @0 +%Y-%m-%dT%H:%M:%S' 1970-01-01T00:00:00
check sleep 'sleep 0.01; echo $?' 0
check env 'env A=1 printenv A; env -i B=2 printenv B; env false; echo $?; env nosuch 2> /dev/null; echo $?' 1 2 1 127
check printenv 'A=5 printenv A; printenv NOSUCH; echo $?' 5 1
check nice 'nice -n 5 echo nice' nice
check nohup 'nohup echo nohup' nohup
check timeout 'timeout 0.2 sleep 30; echo $?; timeout 5 sh -c "exit 3"; echo $?' 124 3
check stdbuf 'stdbuf -o0 echo out' out
check kill 'sleep 30 & /bin/kill $!; wait $!; echo $?; /bin/kill -0 1; echo $?; /bin/kill 4000 2> /dev/null; echo $?' 143 0 1
check which 'which ls' /bin/ls
check id 'id -u; id -g; su user -c "id -u; id -Gn"' 0 0 1000 users
check whoami 'USER=me whoami' me
check su 'su user -c "echo \$(id -u) \$(id -g)"' '1000 1000'
check runas 'runas -u 1000 id -u' 1000
check getent 'getent passwd user; getent group 0; getent passwd nosuch 2> /dev/null; echo $?' user:x:1000:1000::/home/user:/bin/sh root:x:0: 2
check uname 'uname -s' Linux
check arch 'arch' unknown
check nproc 'nproc' 1
check hostname 'hostname' agentos
check hostid 'hostid' 00000000
check logname 'logname; echo $?' 'logname: no login name' 0
check tty 'tty; echo $?' 'not a tty' 1
check pathchk 'pathchk /a/b && echo fine' fine

# What their authors have left out, or have fixed since. Their libc of then has both paths of a hard link in one buffer; their du has no numbers of blocks.
check link 'echo a > f; link f g; echo $?' "link: cannot create link 'g' to 'f': No such file or directory" 1
check du 'mkdir d; dd if=/dev/zero of=d/f bs=1k count=8 2> /dev/null; du -s d' '0	d'
check tac 'seq 3 | tac' 'tac: stdin: read error: unsupported'
check sh 'set -e; false; echo on' on
check chcon 'chcon a' 'chcon: SELinux is not supported in WASM'
check runcon 'runcon a' 'runcon: SELinux is not supported in WASM'
check chroot 'chroot a' 'chroot: not supported in WASM (no filesystem root change)'
check groups 'groups' 'groups: user database queries are not supported in WASM'
check install 'install a' 'install: file permission management not fully supported in WASM'
check stty 'stty' 'stty: terminal control is not supported in WASM'
check pinky 'pinky' 'pinky: login records (utmp) are not available in WASM'
check uptime 'uptime' 'uptime: login records (utmp) are not available in WASM'
check users 'users' 'users: login records (utmp) are not available in WASM'
check who 'who' 'who: login records (utmp) are not available in WASM'
