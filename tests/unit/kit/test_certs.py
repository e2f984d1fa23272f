import socket
import ssl
import stat
import threading

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from harness.kit import certs, ports


def handshake(authority: certs.Authority, trusted: certs.Authority, leaf: certs.Leaf, directory):
    """Connect to a server with that leaf, trusting that authority."""
    files = leaf.write(directory, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    with socket.create_server((ports.LOOPBACK, 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except (ssl.SSLError, OSError):
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            client = ssl.create_default_context(cadata=trusted.pem.decode())
            with (
                socket.create_connection(listener.getsockname()) as plain,
                client.wrap_socket(plain, server_hostname=ports.LOOPBACK),
            ):
                return
        finally:
            thread.join()


def test_who_trusts_the_authority_trusts_what_it_issued(tmp_path):
    authority = certs.Authority("ours")
    handshake(authority, authority, authority.issue(ports.LOOPBACK), tmp_path)


def test_another_authority_is_refused(tmp_path):
    authority = certs.Authority("ours")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, certs.Authority("x"), authority.issue(ports.LOOPBACK), tmp_path)


def test_an_expired_certificate_is_refused(tmp_path):
    authority = certs.Authority("ours")
    leaf = authority.issue(ports.LOOPBACK, expired=True)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(authority, authority, leaf, tmp_path)


def test_a_client_certificate_carries_name_and_group():
    leaf = certs.Authority("ours").issue(common_name="admin", organization="system:masters")
    subject = x509.load_pem_x509_certificate(leaf.cert_pem).subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "admin"
    assert subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:masters"


def test_a_client_certificate_has_no_empty_list_of_names():
    """Go refuses such a certificate: `x509: unhandled critical extension`."""
    leaf = certs.Authority("ours").issue(common_name="admin")
    names = x509.load_pem_x509_certificate(leaf.cert_pem).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert len(list(names.value)) == 1


def test_keys_are_private_and_not_shown(tmp_path):
    leaf = certs.Authority("ours").issue("localhost")
    files = leaf.write(tmp_path, "it")
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(leaf)
    assert leaf.write(tmp_path, "it") == files
