# A private Postfix for the tests of the e-mail adapter. Sourced by ./test, which provides say, die and as_root.
#
# All its state lies in one temporary folder; nothing in /etc/postfix is read or written but the packaged prototypes,
# and no other mail server is touched. Four ports on loopback: plain with STARTTLS, submission (TLS and AUTH needed),
# implicit TLS that asks for a certificate, implicit TLS that knows no newer version than 1.2. Coordinates go to the tests in one variable, as words of the form key=value:
#
#   NOTIFYHUB_TEST_SMTP="host=… plain=… submission=… tls=… old=… ca=… cert=… key=… user=… password=… maildir=… log=…"
#
#   bob@ carol@ dave@example.test  accepted           full@example.test  452 4.2.2      grey@example.test  451 4.7.1
#   any other @example.test        550 5.1.1          other domains      554 5.7.1      over 1 MiB         552 5.3.4

postfix_packages=(postfix sasl2-bin libsasl2-modules openssl python3-dkim python3-nacl) # the last two verify signatures
postfix_dir=

postfix_start() {
  postfix_install
  postfix_dir=$(mktemp -d /var/tmp/notifyhub-postfix.XXXXXX)   # Postfix refuses log files outside /var
  chmod 755 "$postfix_dir"
  mkdir -p "$postfix_dir"/{etc/sasl,spool,data,mail}
  local plain submission tls old
  plain=$(free_port) submission=$(free_port "$plain") tls=$(free_port "$plain" "$submission")
  old=$(free_port "$plain" "$submission" "$tls")
  postfix_certificates "$postfix_dir/etc"
  postfix_tables "$postfix_dir/etc"
  postfix_main "$postfix_dir" > "$postfix_dir/etc/main.cf"
  postfix_master "$plain" "$submission" "$tls" "$old" > "$postfix_dir/etc/master.cf"
  echo secret | saslpasswd2 -p -c -f "$postfix_dir/etc/sasldb2" -u mx.example.test alice
  as_root chown root:root "$postfix_dir" "$postfix_dir"/etc "$postfix_dir"/etc/*.cf "$postfix_dir/spool"
  as_root chown postfix "$postfix_dir/etc/sasldb2" "$postfix_dir/data"
  as_root chown "$(postfix_uid)" "$postfix_dir/mail"
  as_root postfix -c "$postfix_dir/etc" start > "$postfix_dir/start.log" 2>&1 ||
    die "postfix: did not start: $(tail -n 3 "$postfix_dir/start.log" | tr '\n' ' ')"
  for port in "$plain" "$submission" "$tls" "$old"; do
    wait_for_port "$port" || die "postfix: nothing listens on port $port; see $postfix_dir/maillog"
  done
  as_root chmod 644 "$postfix_dir/maillog"
  export NOTIFYHUB_TEST_SMTP="host=127.0.0.1 plain=$plain submission=$submission tls=$tls old=$old ca=$postfix_dir/etc/ca.pem \
cert=$postfix_dir/etc/client.pem key=$postfix_dir/etc/client.key user=alice@mx.example.test password=secret maildir=$postfix_dir/mail log=$postfix_dir/maillog"
  say "postfix: started on 127.0.0.1, ports $plain (plain, STARTTLS), $submission (submission), $tls (TLS), $old (TLS 1.2), in $postfix_dir"
}

postfix_stop() {
  [ -n "$postfix_dir" ] || return 0
  as_root postfix -c "$postfix_dir/etc" stop > /dev/null 2>&1
  as_root rm -rf "$postfix_dir"
  say "postfix: stopped, $postfix_dir removed"
  postfix_dir=
}

postfix_install() {
  local missing=()
  for program in postfix:postfix saslpasswd2:sasl2-bin openssl:openssl; do
    command -v "${program%%:*}" > /dev/null || missing+=("${program##*:}")
  done
  /usr/bin/python3 -c 'import dkim, nacl' 2> /dev/null || missing+=(python3-dkim python3-nacl)
  can_be_root || die "postfix: starting it needs root: run as root or with passwordless sudo, or leave it out with ./test quick"
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v debconf-set-selections > /dev/null && command -v apt-get > /dev/null ||
    die "postfix: no apt here; install the packages: ${postfix_packages[*]}"
  echo 'postfix postfix/main_mailer_type select No configuration' | as_root debconf-set-selections
  install_packages "${postfix_packages[@]}"
}

# Mail is delivered under the id of whoever runs the tests, so that they can read it; never under root's.
postfix_uid() { if [ "$(id -u)" -eq 0 ]; then id -u nobody; else id -u; fi; }

postfix_certificates() {
  (
    cd "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 30 -subj '/CN=notifyhub test CA'
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out server.csr -subj /CN=localhost
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' > server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext -out cert.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout client.key -out client.csr -subj /CN=notifyhub-client
    printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n' > client.ext
    openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile client.ext -out client.pem
  ) > "$1/openssl.log" 2>&1 || die "postfix: openssl made no certificate; see $1/openssl.log"
}

postfix_tables() {
  local etc=$1 prototypes=/etc/postfix
  [ -e $prototypes/dynamicmaps.cf ] && cp $prototypes/dynamicmaps.cf "$etc/"
  cp -r $prototypes/postfix-files* "$etc/"
  printf '%s@example.test %s/\n' bob bob carol carol dave dave > "$etc/mailboxes"
  printf '%s\n' 'full@example.test 452 4.2.2 Mailbox full' 'grey@example.test 451 4.7.1 Greylisted, retry in 60 seconds' > "$etc/refusals"
  printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' 'mech_list: PLAIN LOGIN' "sasldb_path: $etc/sasldb2" > "$etc/sasl/smtpd.conf"
}

postfix_main() {
  cat << CONF
compatibility_level = 3.6
queue_directory = $1/spool
data_directory = $1/data
mail_owner = postfix
myhostname = mx.example.test
inet_interfaces = loopback-only
mydestination =
default_transport = error:5.1.2 no outbound mail from this box
virtual_mailbox_domains = example.test
virtual_mailbox_base = $1/mail
virtual_mailbox_maps = texthash:$1/etc/mailboxes
virtual_uid_maps = static:$(postfix_uid)
virtual_gid_maps = static:65534
smtpd_tls_cert_file = $1/etc/cert.pem
smtpd_tls_key_file = $1/etc/key.pem
smtpd_tls_CAfile = $1/etc/ca.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_received_header = yes
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:$1/etc/refusals, permit
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = $1/etc/sasl
smtpd_error_sleep_time = 0
smtpd_junk_command_limit = 1000
message_size_limit = 1048576
maillog_file = $1/maillog
maillog_file_prefixes = /var
CONF
}

postfix_master() {
  local prototype=/etc/postfix/master.cf.proto
  [ -e $prototype ] || prototype=/usr/share/postfix/master.cf.dist
  # The prototype's own listener moves to our port, and nothing runs in a chroot.
  sed -e "s/^smtp      inet.*/127.0.0.1:$1 inet n - n - - smtpd/" \
    -e 's/^\([a-z0-9:.-]* *\(inet\|unix\|unix-dgram\) *[-ny] *[-ny?]* *\)y /\1n /' $prototype
  local auth='  -o smtpd_sasl_auth_enable=yes\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n'
  printf "127.0.0.1:$2 inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n$auth"
  printf "127.0.0.1:$3 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n  -o smtpd_tls_ask_ccert=yes\n$auth"
  printf "127.0.0.1:$4 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n"
  printf '  -o smtpd_tls_protocols=!TLSv1.3\n  -o smtpd_tls_mandatory_protocols=!TLSv1.3\n'
}
