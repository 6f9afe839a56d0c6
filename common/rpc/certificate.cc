#include "common/rpc/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using Context = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;

Bio Reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// All certificates of a PEM text; none if it has none.
std::vector<Certificate> ReadCertificates(const std::string& pem) {
  std::vector<Certificate> certificates;
  const Bio reader = Reader(pem);
  while (X509* const next = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr))
    certificates.emplace_back(next);
  ERR_clear_error();  // the end of the text is one
  return certificates;
}

// A key that needs a password is none: a daemon has nobody to ask.
int NoPassword(char*, int, int, void*) { return -1; }

// As the other side of a handshake will: chain, dates, purpose, name.
absl::Status Verify(const std::vector<Certificate>& chain, const Store& store, int purpose,
                    const std::string& name) {
  std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> more(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(more.get(), chain[i].get());
  const Context context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), chain[0].get(), more.get());
  X509_STORE_CTX_set_purpose(context.get(), purpose);
  if (!name.empty())
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context.get()), name.data(), name.size());
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (error == X509_V_ERR_HOSTNAME_MISMATCH) {
    return absl::InvalidArgumentError(
        absl::StrCat("is not for this program: ", name, " is not among its DNS names"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      X509_verify_cert_error_string(error), " (checked as a ",
      purpose == X509_PURPOSE_SSL_SERVER ? "server" : "client", " certificate of --tls_ca)"));
}

}  // namespace

absl::Status CertificateCheck::CheckCa() const {
  if (!ReadCertificates(ca).empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("has no certificate in PEM");
}

absl::Status CertificateCheck::CheckCertificate() const {
  const std::vector<Certificate> chain = ReadCertificates(certificate);
  if (chain.empty()) return absl::InvalidArgumentError("has no certificate in PEM");
  const Store store(X509_STORE_new());
  for (const Certificate& root : ReadCertificates(ca)) X509_STORE_add_cert(store.get(), root.get());
  if (!name.empty()) RETURN_IF_ERROR(Verify(chain, store, X509_PURPOSE_SSL_SERVER, name));
  if (dials) RETURN_IF_ERROR(Verify(chain, store, X509_PURPOSE_SSL_CLIENT, ""));
  return absl::OkStatus();
}

absl::Status CertificateCheck::CheckKey() const {
  const Key own(PEM_read_bio_PrivateKey(Reader(key).get(), nullptr, &NoPassword, nullptr));
  ERR_clear_error();
  if (own == nullptr)
    return absl::InvalidArgumentError("has no private key in PEM (without a password)");
  const std::vector<Certificate> chain = ReadCertificates(certificate);
  const bool fits = !chain.empty() && X509_check_private_key(chain[0].get(), own.get()) == 1;
  ERR_clear_error();
  return fits ? absl::OkStatus()
              : absl::InvalidArgumentError("is not the key of the certificate in --tls_cert");
}

}  // namespace edgetp
