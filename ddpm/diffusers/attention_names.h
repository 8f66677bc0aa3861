// The names of attention's tensors, as diffusers has them and as its first releases had them.
//
//   then                       now
//   attentions.N.query         attentions.N.to_q
//   attentions.N.key           attentions.N.to_k
//   attentions.N.value         attentions.N.to_v
//   attentions.N.proj_attn     attentions.N.to_out.0
//
// Shapes and all other names are the same. More than a thousand published networks have the old
// ones (huggingface/diffusers, pull request 2697).

#pragma once

#include <map>
#include <string>
#include <vector>

namespace ddpm {

// `name` with an old name of attention replaced; every other name as it is.
std::string new_attention_name(const std::string& name);

// The other way.
std::string old_attention_name(const std::string& name);

// The tensors of a file by the names that they have now: new name -> the file's. Throws FormatError
// that starts with `who` and names the attention if one attention has names of both forms, or a
// name that was converted twice (to_to_k).
std::map<std::string, std::string> with_new_attention_names(const std::vector<std::string>& names,
                                                            const std::string& who);

}  // namespace ddpm
