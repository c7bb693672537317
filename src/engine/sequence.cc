#include "engine/sequence.h"

#include <algorithm>
#include <utility>

namespace ix::engine {

Sequence::Sequence(RequestId id, Request request, const tokenizer::Tokenizer& tokenizer,
                   KvPools& pools, int64_t context_length)
    : id_(id),
      request_(std::move(request)),
      tokenizer_(tokenizer),
      tokens_(std::move(request_.prompt)),
      prompt_size_(static_cast<int64_t>(tokens_.size())),
      tables_(pools),
      sampler_(request_.sampling),
      stops_(request_.stop) {
  const int64_t room = context_length - prompt_size_;
  const bool bounded = request_.max_tokens >= 0 && request_.max_tokens <= room;
  token_limit_ = prompt_size_ + (bounded ? request_.max_tokens : room);
  reason_at_limit_ = bounded ? FinishReason::length : FinishReason::context;
}

std::optional<FinishReason> Sequence::finished_at_once() const {
  if (token_limit_ > prompt_size_) return std::nullopt;
  return reason_at_limit_;
}

backend::RowWant Sequence::want() const {
  using backend::Want;
  if (!needs_only_argmax(request_.sampling)) {
    return {.kind = Want::logits, .logsumexp = request_.logprobs >= 0};
  }
  if (request_.logprobs < 0) return {.kind = Want::argmax};
  return {.kind = Want::top_k, .k = std::max(1, request_.logprobs)};
}

void Sequence::reserve() {
  tokens_.reserve(static_cast<size_t>(token_limit_));
  tables_.reserve(token_limit_);
  sampler_.reserve(token_limit_);
  const size_t token_bytes = tokenizer_.most_token_bytes();
  const size_t whole_bytes = characters_.reserve(token_bytes);
  bytes_.reserve(token_bytes);
  whole_.reserve(whole_bytes);
  most_event_text_ = stops_.reserve(whole_bytes);
}

void Sequence::accept(const backend::RowResult& row, Event& event) {
  event.request = id_;
  event.text.reserve(most_event_text_);
  if (!event.token) event.token.emplace();
  if (Status status = choose(row, *event.token); !status.ok()) {
    end(FinishReason::error, std::move(status), event);
    return;
  }
  event.finish = append(event.token->token, event.text);
}

void Sequence::end(FinishReason reason, Status error, Event& event) {
  event.request = id_;
  event.token.reset();
  finish_text(event.text);
  event.finish = reason;
  event.error = std::move(error);
}

void Sequence::finish_text(std::string& text) {
  whole_.clear();
  characters_.finish(whole_);
  stops_.push(whole_, text);
  stops_.finish(text);
}

Status Sequence::choose(const backend::RowResult& row, GeneratedToken& out) {
  out.token = row.argmax;
  out.logprob = 0;
  out.top.clear();
  const backend::Want want = this->want().kind;
  if (want == backend::Want::logits) {
    out.token = sampler_.sample(row.logits, tokens_, static_cast<Position>(tokens_.size()));
  }
  if (out.token < 0 || out.token >= tokenizer_.vocab_size()) {
    return internal_error(
        "no token can be chosen: the model's logits are not numbers, or all are forbidden");
  }
  if (request_.logprobs >= 0) add_logprobs(row, out);
  return ok_status();
}

void Sequence::add_logprobs(const backend::RowResult& row, GeneratedToken& token) {
  const auto count = static_cast<size_t>(request_.logprobs);
  token.top.reserve(count);
  if (want().kind == backend::Want::top_k) {
    for (const backend::TokenLogit& best : row.top) {
      if (best.token == token.token) token.logprob = best.logit - row.logsumexp;
      if (token.top.size() < count) token.top.push_back({best.token, best.logit - row.logsumexp});
    }
    return;
  }
  token.logprob = row.logits[static_cast<size_t>(token.token)] - row.logsumexp;
  select_top_k(row.logits, request_.logprobs, best_);
  for (const Candidate& best : best_) token.top.push_back({best.token, best.logit - row.logsumexp});
}

// Adds a token and its text; says whether it was the last.
std::optional<FinishReason> Sequence::append(TokenId token, std::string& text) {
  tokens_.push_back(token);
  std::optional<FinishReason> finish;
  if (tokenizer_.is_end(token) && !request_.ignore_end_tokens) {
    finish = FinishReason::stop;
  } else if (tokenizer_.token_type(token) != tokenizer::TokenType::control) {
    bytes_.clear();
    tokenizer_.append_token_bytes(token, bytes_);
    whole_.clear();
    characters_.push(bytes_, whole_);
    if (stops_.push(whole_, text)) return FinishReason::stop;
  }
  if (!finish && static_cast<int64_t>(tokens_.size()) >= token_limit_) finish = reason_at_limit_;
  if (finish) finish_text(text);
  return finish;
}

}  // namespace ix::engine
