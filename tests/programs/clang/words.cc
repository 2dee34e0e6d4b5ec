// The same with the C++ library: words DIR
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " DIR\n";
        return 2;
    }
    const std::string path = std::string(argv[1]) + "/words.cc.txt";
    {
        std::ofstream file(path);
        for (int n = 0; n < 10000; n++) file << "word" << n * n % 97 << (n % 8 == 7 ? '\n' : ' ');
    }
    std::map<std::string, int> counts;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        for (std::string word; words >> word;) counts[word]++;
    }
    std::vector<std::pair<int, std::string>> sorted;
    for (const auto &[word, count] : counts) sorted.emplace_back(-count, word);
    std::sort(sorted.begin(), sorted.end());
    std::cout << counts.size() << " words, " << sorted.front().second << " " << -sorted.front().first << ", "
              << sorted.back().second << " " << -sorted.back().first << std::endl;
    return std::remove(path.c_str());
}
