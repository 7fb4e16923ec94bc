// Defaults for running without docker.
module.exports = {
  port: process.env.PORT || 4000,
  mongoUrl: process.env.MONGO_URL || 'mongodb://localhost:27017/shop',
  redisUrl: process.env.REDIS_URL || 'redis://127.0.0.1:6379',
  elastic: 'http://elasticsearch:9200',
};
